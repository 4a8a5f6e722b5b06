"""Good bodies of the placement API."""

from typing import Any

from . import Key

_STOCK = {
    "total": 10,
    "reserved": 1,
    "min_unit": 1,
    "max_unit": 5,
    "step_size": 1,
    "allocation_ratio": 1.5,
}
_SHARES = {
    "allocations": {"$provider_id": {"resources": {"$resource_class": 1}}},
    "project_id": "$project_id",
    "user_id": "$user_id",
    "consumer_generation": None,
    "consumer_type": "INSTANCE",
    "mappings": {"": ["$provider_id"]},
}
_PROVIDER = "/resource_providers/{provider_id}"

BODIES: dict[Key, Any] = {
    ("POST", "/resource_providers", ""): {
        "name": "$new",
        "uuid": "22222222-2222-2222-2222-222222222222",
        "parent_provider_uuid": "$provider_id",
    },
    ("PUT", _PROVIDER, ""): {"name": "$new", "parent_provider_uuid": None},
    ("PUT", _PROVIDER + "/inventories", ""): {
        "resource_provider_generation": 1,
        "inventories": {"$resource_class": _STOCK},
    },
    ("POST", _PROVIDER + "/inventories", ""): _STOCK
    | {"resource_class": "DISK_GB", "resource_provider_generation": 1},
    ("PUT", _PROVIDER + "/inventories/{resource_class}", ""): _STOCK
    | {"resource_provider_generation": 1},
    ("PUT", _PROVIDER + "/traits", ""): {
        "resource_provider_generation": 1,
        "traits": ["$trait", "HW_CPU_X86_VMX"],
    },
    ("POST", "/resource_classes", ""): {"name": "CUSTOM_NEW"},
    ("PUT", _PROVIDER + "/aggregates", ""): {
        "resource_provider_generation": 1,
        "aggregates": ["33333333-3333-3333-3333-333333333333"],
    },
    ("POST", "/allocations", ""): {"$consumer_id": _SHARES},
    ("PUT", "/allocations/{consumer_id}", ""): _SHARES,
    ("POST", "/reshaper", ""): {
        "inventories": {
            "$provider_id": {
                "inventories": {"$resource_class": _STOCK},
                "resource_provider_generation": 1,
            }
        },
        "allocations": {"$consumer_id": _SHARES},
    },
}
