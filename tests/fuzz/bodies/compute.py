"""Good bodies of the compute API."""

from typing import Any

from . import Key

_SERVER = {
    "server": {
        "name": "$new",
        "imageRef": "$boot_image_id",
        "flavorRef": "42",
        "adminPass": "secret-1",
        "metadata": {"a": "b"},
        "networks": [{"uuid": "$network_id", "fixed_ip": "10.9.0.77", "tag": "nic"}],
        "OS-DCF:diskConfig": "AUTO",
        "accessIPv4": "10.0.0.1",
        "accessIPv6": "fd00::1",
        "availability_zone": "nova",
        "block_device_mapping_v2": [
            {
                "uuid": "$boot_image_id",
                "source_type": "image",
                "destination_type": "local",
                "boot_index": 0,
                "delete_on_termination": True,
            }
        ],
        "config_drive": True,
        "key_name": "$keypair_name",
        "min_count": 1,
        "max_count": 1,
        "security_groups": [{"name": "default"}],
        "user_data": "IyEvYmluL3NoCg==",
        "description": "d",
        "tags": ["a"],
        "hostname": "one",
    },
    "os:scheduler_hints": {"group": "$server_group_id", "different_host": ["$server_id"]},
}
_QUOTA = {"quota_set": {"instances": 10, "cores": -1, "ram": "51200", "force": True}}
_FLAVOR = {
    "flavor": {
        "id": "auto",
        "name": "$new",
        "ram": 64,
        "vcpus": 1,
        "disk": 1,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "swap": 0,
        "rxtx_factor": 1.0,
        "os-flavor-access:is_public": False,
        "description": "d",
    }
}
_SERVERS = "/v2.1/servers/{server_id}"
_AGGREGATE = "/v2.1/os-aggregates/{aggregate_id}"

BODIES: dict[Key, Any] = {
    ("POST", "/v2.1/flavors", ""): _FLAVOR,
    ("PUT", "/v2.1/flavors/{flavor_id}", ""): {"flavor": {"description": "d"}},
    ("POST", "/v2.1/flavors/{flavor_id}/os-extra_specs", ""): {
        "extra_specs": {"hw:cpu_policy": "shared"}
    },
    ("PUT", "/v2.1/flavors/{flavor_id}/os-extra_specs/{key}", ""): {"$extra_spec": "shared"},
    ("POST", "/v2.1/flavors/{flavor_id}/action", "addTenantAccess"): {
        "addTenantAccess": {"tenant": "$project_id"}
    },
    ("POST", "/v2.1/flavors/{flavor_id}/action", "removeTenantAccess"): {
        "removeTenantAccess": {"tenant": "$project_id"}
    },
    ("POST", "/v2.1/os-keypairs", ""): {
        "keypair": {
            "name": "$new",
            "public_key": "$public_key",
            "type": "ssh",
            "user_id": "$user_id",
        }
    },
    ("POST", "/v2.1/os-server-groups", ""): {
        "server_group": {
            "name": "$new",
            "policy": "anti-affinity",
            "rules": {"max_server_per_host": 2},
        }
    },
    ("POST", "/v2.1/os-aggregates", ""): {"aggregate": {"name": "$new", "availability_zone": None}},
    ("PUT", _AGGREGATE, ""): {"aggregate": {"name": "$new", "availability_zone": "nova"}},
    ("POST", _AGGREGATE + "/action", "add_host"): {"add_host": {"host": "host-1"}},
    ("POST", _AGGREGATE + "/action", "remove_host"): {"remove_host": {"host": "host-1"}},
    ("POST", _AGGREGATE + "/action", "set_metadata"): {
        "set_metadata": {"metadata": {"ssd": "true", "gone": None}}
    },
    ("PUT", "/v2.1/os-quota-sets/{project_id}", ""): _QUOTA,
    ("PUT", "/v2.1/os-quota-class-sets/{class_id}", ""): {
        "quota_class_set": {"instances": 100, "cores": 200}
    },
    ("PUT", "/v2.1/os-services/{service_id}", ""): {
        "status": "enabled",
        "forced_down": False,
    },
    ("POST", "/v2.1/servers", ""): _SERVER,
    ("PUT", _SERVERS, ""): {
        "server": {
            "name": "$new",
            "description": "d",
            "hostname": "two",
            "accessIPv4": "10.0.0.2",
            "accessIPv6": "",
            "OS-DCF:diskConfig": "MANUAL",
        }
    },
    ("POST", _SERVERS + "/action", "forceDelete"): {"forceDelete": None},
    ("POST", _SERVERS + "/action", "lock"): {"lock": {"locked_reason": "r"}},
    ("POST", _SERVERS + "/action", "unlock"): {"unlock": None},
    ("POST", _SERVERS + "/action", "addSecurityGroup"): {"addSecurityGroup": {"name": "g"}},
    ("POST", _SERVERS + "/action", "removeSecurityGroup"): {"removeSecurityGroup": {"name": "g"}},
    ("POST", _SERVERS + "/action", "os-resetState"): {"os-resetState": {"state": "active"}},
    ("POST", _SERVERS + "/action", "os-start"): {"os-start": None},
    ("POST", _SERVERS + "/action", "os-stop"): {"os-stop": None},
    ("POST", _SERVERS + "/action", "reboot"): {"reboot": {"type": "SOFT"}},
    ("POST", _SERVERS + "/action", "pause"): {"pause": None},
    ("POST", _SERVERS + "/action", "unpause"): {"unpause": None},
    ("POST", _SERVERS + "/action", "shelve"): {"shelve": None},
    ("POST", _SERVERS + "/action", "shelveOffload"): {"shelveOffload": None},
    ("POST", _SERVERS + "/action", "unshelve"): {"unshelve": {"availability_zone": "nova"}},
    ("POST", _SERVERS + "/action", "rescue"): {
        "rescue": {"adminPass": "secret", "rescue_image_ref": "$boot_image_id"}
    },
    ("POST", _SERVERS + "/action", "unrescue"): {"unrescue": None},
    ("POST", _SERVERS + "/os-interface", ""): {
        "interfaceAttachment": {
            "net_id": "$network_id",
            "fixed_ips": [{"ip_address": "10.9.0.44"}],
            "tag": "t",
        }
    },
    ("POST", _SERVERS + "/action", "suspend"): {"suspend": None},
    ("POST", _SERVERS + "/action", "resume"): {"resume": None},
    ("POST", _SERVERS + "/action", "createImage"): {
        "createImage": {"name": "$new", "metadata": {"a": "b"}}
    },
    ("POST", _SERVERS + "/action", "createBackup"): {
        "createBackup": {
            "name": "$new",
            "backup_type": "daily",
            "rotation": 1,
            "metadata": {"a": "b"},
        }
    },
    ("POST", _SERVERS + "/action", "rebuild"): {
        "rebuild": {
            "imageRef": "$boot_image_id",
            "name": "$new",
            "adminPass": "secret",
            "metadata": {"a": "b"},
            "preserve_ephemeral": False,
            "OS-DCF:diskConfig": "AUTO",
            "accessIPv4": "10.0.0.3",
            "accessIPv6": "",
            "description": "d",
            "key_name": None,
            "user_data": "IyEvYmluL3No",
            "hostname": "three",
        }
    },
    ("POST", _SERVERS + "/action", "resize"): {
        "resize": {"flavorRef": "1", "OS-DCF:diskConfig": "AUTO"}
    },
    ("POST", _SERVERS + "/action", "confirmResize"): {"confirmResize": None},
    ("POST", _SERVERS + "/action", "migrate"): {"migrate": {"host": "host-1"}},
    ("POST", _SERVERS + "/action", "evacuate"): {
        "evacuate": {"host": "host-1", "adminPass": "secret"}
    },
    ("POST", _SERVERS + "/action", "os-migrateLive"): {
        "os-migrateLive": {"host": None, "block_migration": "auto"}
    },
    ("POST", _SERVERS + "/action", "revertResize"): {"revertResize": None},
    ("POST", _SERVERS + "/action", "os-getConsoleOutput"): {"os-getConsoleOutput": {"length": 10}},
    ("POST", _SERVERS + "/metadata", ""): {"metadata": {"a": "b"}},
    ("PUT", _SERVERS + "/metadata", ""): {"metadata": {"$meta_key": "b"}},
    ("PUT", _SERVERS + "/metadata/{key}", ""): {"meta": {"$meta_key": "c"}},
    ("PUT", _SERVERS + "/tags", ""): {"tags": ["$server_tag", "b"]},
}
