"""SAML2: this cloud as service provider (browsers and ECP), and as identity provider of others."""
