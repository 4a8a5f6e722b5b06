"""Good bodies of the identity API."""

from typing import Any

from . import Key, without

_DOMAIN = {"domain": {"name": "$new", "description": "d", "enabled": True, "options": {}}}
_PROJECT = {
    "project": {
        "name": "$new",
        "domain_id": "default",
        "parent_id": "default",
        "description": "d",
        "enabled": True,
        "tags": ["a"],
        "options": {},
        "is_domain": False,
    }
}
_USER = {
    "user": {
        "name": "$new",
        "password": "secret-1",
        "domain_id": "default",
        "default_project_id": "$project_id",
        "enabled": True,
        "email": "a@example.com",
        "options": {"lock_password": False, "multi_factor_auth_rules": [["password", "totp"]]},
    }
}
_GROUP = {"group": {"name": "$new", "domain_id": "default", "description": "d"}}
_ROLE = {"role": {"name": "$new", "description": "d", "domain_id": None, "options": {}}}
_SERVICE = {"service": {"name": "$new", "type": "x", "description": "d", "enabled": True}}
_REGION = {"region": {"id": "$new", "description": "d", "parent_region_id": "$region_id"}}
_ENDPOINT = {
    "endpoint": {
        "service_id": "$service_id",
        "interface": "public",
        "url": "http://127.0.0.1/%(tenant_id)s",
        "region_id": "$region_id",
        "enabled": True,
    }
}
_LOGIN = {
    "auth": {
        "identity": {
            "methods": ["password", "token", "totp"],
            "password": {
                "user": {
                    "id": "$user_id",
                    "name": "x",
                    "domain": {"id": "default"},
                    "password": "secret-1",
                }
            },
            "token": {"id": "$token"},
            "totp": {"user": {"id": "$user_id", "passcode": "123456"}},
            "application_credential": {"id": "$application_credential_id", "secret": "s"},
        },
        "scope": {"project": {"id": "$project_id", "domain": {"name": "Default"}}},
    }
}
_CREDENTIAL = {
    "application_credential": {
        "name": "$new",
        "secret": "secret-1",
        "description": "d",
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "roles": [{"name": "member"}],
        "unrestricted": False,
        "access_rules": [{"path": "/v2.1/servers", "method": "GET", "service": "compute"}],
    }
}
_IDP = {
    "identity_provider": {
        "description": "d",
        "enabled": True,
        "remote_ids": ["$new"],
        "domain_id": "default",
        "authorization_ttl": 60,
    }
}
_MAPPING = {
    "mapping": {
        "schema_version": "2.0",
        "rules": [
            {
                "local": [
                    {"user": {"name": "{0}", "email": "{0}", "domain": {"id": "default"}}},
                    {"group": {"id": "$group_id"}, "domain": {"name": "Default"}},
                    {"groups": "{1}", "group_ids": "{2}", "domain": {"name": "Default"}},
                    {"projects": [{"name": "p", "roles": [{"name": "member"}]}]},
                ],
                "remote": [
                    {"type": "a"},
                    {"type": "b", "whitelist": ["x"]},
                    {"type": "c", "blacklist": ["x"], "regex": True},
                    {"type": "d", "any_one_of": ["x"], "regex": False},
                ],
            }
        ],
    }
}
_PROTOCOL = {"protocol": {"mapping_id": "$mapping_id", "remote_id_attribute": "iss"}}
_SP = {
    "service_provider": {
        "auth_url": "https://b.example.com/v3/OS-FEDERATION/x",
        "sp_url": "https://b.example.com/sp",
        "description": "d",
        "enabled": True,
        "relay_state_prefix": "ss:mem:",
    }
}
_CONFIG = {
    "config": {
        "identity": {"driver": "sql"},
        "ldap": {
            "url": "ldap://127.0.0.1:9",
            "user_tree_dn": "ou=people,dc=x",
            "password": "secret-1",
            "use_tls": False,
            "user_enabled_mask": 2,
        },
    }
}
_ASSERTION = {
    "auth": {
        "identity": {"methods": ["token"], "token": {"id": "$token"}},
        "scope": {"service_provider": {"id": "$service_provider_id"}},
    }
}
_FED = "/v3/OS-FEDERATION"

_SECRET = {
    "credential": {
        "user_id": "$user_id",
        "project_id": "$project_id",
        "type": "ec2",
        "blob": '{"access": "a", "secret": "s"}',
    }
}
_SIGNED = {
    "credentials": {
        "access": "$access_key",
        "signature": "x",
        "token": "R0VUCg==",
        "host": "127.0.0.1:8773",
        "verb": "GET",
        "path": "/",
        "params": {
            "SignatureVersion": "2",
            "Timestamp": "2030-01-01T00:00:00Z",
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": "20300101T000000Z",
            "X-Amz-Credential": "a/20300101/r/s3/aws4_request",
            "X-Amz-SignedHeaders": "host",
        },
        "headers": {"Authorization": "AWS4-HMAC-SHA256 Credential=a", "Host": "h"},
        "body_hash": "x",
    }
}
_REGISTERED = {
    "service_id": "$service_id",
    "region_id": "$region_id",
    "resource_name": "$new",
    "default_limit": 5,
    "description": "d",
}
_LIMIT = {
    "service_id": "$service_id",
    "region_id": None,
    "resource_name": "widgets",
    "resource_limit": 5,
    "project_id": "$project_id",
    "domain_id": None,
    "description": "d",
}
_POLICY = {"policy": {"type": "text/plain", "blob": "b"}}
_ENDPOINT_GROUP = {
    "endpoint_group": {
        "name": "$new",
        "description": "d",
        "filters": {
            "service_id": "$service_id",
            "region_id": "$region_id",
            "interface": "public",
        },
    }
}
_TRUST = {
    "trust": {
        "trustor_user_id": "$user_id",
        "trustee_user_id": "$user_id",
        "project_id": "$project_id",
        "impersonation": False,
        "remaining_uses": 1,
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "allow_redelegation": False,
        "redelegation_count": 0,
        "roles": [{"name": "member"}, {"id": "$role_id"}],
    }
}
_CONSUMER = {"consumer": {"description": "d", "colour": "blue"}}

BODIES: dict[Key, Any] = {
    ("POST", "/v3/auth/tokens", ""): _LOGIN,
    ("POST", "/v3/domains", ""): _DOMAIN,
    ("PATCH", "/v3/domains/{domain_id}", ""): _DOMAIN,
    ("POST", "/v3/projects", ""): _PROJECT,
    ("PATCH", "/v3/projects/{project_id}", ""): without(_PROJECT, "parent_id", "domain_id"),
    ("PUT", "/v3/projects/{project_id}/tags", ""): {"tags": ["a", "b"]},
    ("POST", "/v3/users", ""): _USER,
    ("PATCH", "/v3/users/{user_id}", ""): without(_USER, "domain_id"),
    ("POST", "/v3/users/{user_id}/password", ""): {
        "user": {"password": "secret-2", "original_password": "secret-1"}
    },
    ("POST", "/v3/groups", ""): _GROUP,
    ("PATCH", "/v3/groups/{group_id}", ""): without(_GROUP, "domain_id"),
    ("POST", "/v3/roles", ""): _ROLE,
    ("PATCH", "/v3/roles/{role_id}", ""): without(_ROLE, "domain_id"),
    ("POST", "/v3/users/{user_id}/application_credentials", ""): _CREDENTIAL,
    ("POST", "/v3/credentials", ""): _SECRET,
    ("PATCH", "/v3/credentials/{credential_id}", ""): _SECRET,
    ("POST", "/v3/users/{user_id}/credentials/OS-EC2", ""): {"tenant_id": "$project_id"},
    ("POST", "/v3/ec2tokens", ""): _SIGNED,
    ("POST", "/v3/s3tokens", ""): _SIGNED,
    ("POST", "/v3/registered_limits", ""): {"registered_limits": [_REGISTERED]},
    ("PATCH", "/v3/registered_limits/{registered_limit_id}", ""): {"registered_limit": _REGISTERED},
    ("POST", "/v3/limits", ""): {"limits": [_LIMIT]},
    ("PATCH", "/v3/limits/{limit_id}", ""): {"limit": {"resource_limit": 5, "description": "d"}},
    ("POST", "/v3/policies", ""): _POLICY,
    ("PATCH", "/v3/policies/{policy_id}", ""): _POLICY,
    ("POST", "/v3/OS-EP-FILTER/endpoint_groups", ""): _ENDPOINT_GROUP,
    ("PATCH", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", ""): _ENDPOINT_GROUP,
    ("POST", "/v3/OS-TRUST/trusts", ""): _TRUST,
    ("POST", "/v3/OS-OAUTH1/consumers", ""): _CONSUMER,
    ("PATCH", "/v3/OS-OAUTH1/consumers/{consumer_id}", ""): _CONSUMER,
    ("PUT", "/v3/OS-OAUTH1/authorize/{request_token_id}", ""): {"roles": [{"name": "member"}]},
    ("POST", "/v3/OS-OAUTH2/token", ""): {
        "grant_type": "client_credentials",
        "client_id": "$application_credential_id",
        "client_secret": "s",
    },
    ("POST", "/v3/services", ""): _SERVICE,
    ("PATCH", "/v3/services/{service_id}", ""): _SERVICE,
    ("POST", "/v3/regions", ""): _REGION,
    ("PUT", "/v3/regions/{region_id}", ""): without(_REGION, "id", "parent_region_id"),
    ("PATCH", "/v3/regions/{region_id}", ""): without(_REGION, "id", "parent_region_id"),
    ("POST", "/v3/endpoints", ""): _ENDPOINT,
    ("PATCH", "/v3/endpoints/{endpoint_id}", ""): _ENDPOINT,
    ("PUT", f"{_FED}/identity_providers/{{idp_id}}", ""): _IDP,
    ("PATCH", f"{_FED}/identity_providers/{{idp_id}}", ""): without(_IDP, "domain_id"),
    ("PUT", f"{_FED}/identity_providers/{{idp_id}}/protocols/{{protocol_id}}", ""): _PROTOCOL,
    ("PATCH", f"{_FED}/identity_providers/{{idp_id}}/protocols/{{protocol_id}}", ""): _PROTOCOL,
    ("PUT", f"{_FED}/mappings/{{mapping_id}}", ""): _MAPPING,
    ("PATCH", f"{_FED}/mappings/{{mapping_id}}", ""): _MAPPING,
    ("PUT", f"{_FED}/service_providers/{{service_provider_id}}", ""): _SP,
    ("PATCH", f"{_FED}/service_providers/{{service_provider_id}}", ""): _SP,
    ("PUT", "/v3/domains/{domain_id}/config", ""): _CONFIG,
    ("PATCH", "/v3/domains/{domain_id}/config", ""): _CONFIG,
    ("PATCH", "/v3/domains/{domain_id}/config/{group}", ""): _CONFIG,
    ("PATCH", "/v3/domains/{domain_id}/config/{group}/{option}", ""): {
        "config": {"url": "ldap://127.0.0.1:9"}
    },
    ("POST", "/v3/auth/OS-FEDERATION/saml2", ""): _ASSERTION,
    ("POST", "/v3/auth/OS-FEDERATION/saml2/ecp", ""): _ASSERTION,
    (
        "POST",
        "/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/acs",
        "",
    ): b"<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'/>",
    ("POST", "/v3/auth/OS-FEDERATION/saml2/acs", ""): (
        b"<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'/>"
    ),
}
