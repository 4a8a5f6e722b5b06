"""Users and groups of a domain that stand in an LDAP directory, which is read and never written."""
