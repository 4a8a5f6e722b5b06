"""OpenID Connect: access tokens that clients bring, and the browser's authorisation code."""
