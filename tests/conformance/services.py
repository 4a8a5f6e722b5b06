"""Which of upstream's tests a service is tried by, and with which options of Tempest.

A new service is an entry here, a target in the Makefile and `SERVICE/known.txt`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from own_word import believe

Options = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Service:
    """suites: regular expressions of tests by name. asked: suites that run only when named.

    options: groups of Tempest's options, on top of what `tempests.py` says of the cloud.
    host: whether the cloud needs one, for servers.
    own: those of one suite, by its name, on top of them.
    images: the cloud's settings of images; those of a suite's name are on top for that suite.
    identity: the cloud's settings of identity (docs/identity.md).
    prepare: what is done to the cloud before, by its address and its state folder.
    """

    suites: dict[str, str]
    asked: dict[str, str] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    own: dict[str, Options] = field(default_factory=dict)
    host: bool = False
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    identity: dict[str, dict[str, Any]] = field(default_factory=dict)
    prepare: Callable[[str, Path], None] | None = None


SERVICES = {
    "identity": Service(
        suites={
            "tempest": r"^tempest\.api\.identity\.",
            "plugin": r"^keystone_tempest_plugin\.tests\.api\.",
            "rbac": r"^keystone_tempest_plugin\.tests\.rbac\.",
            "k2k": r"^keystone_tempest_plugin\..*TestK2KFederatedAuthentication",
        },
        # Wants an identity provider outside: OPTIONS= names a file with its `fed_scenario`.
        asked={"federation": r"^keystone_tempest_plugin\.tests\.scenario\."},
        options={
            # A role for everybody would make a member of the matrix's readers.
            "auth": {"tempest_roles": ""},
            "identity-feature-enabled": {
                "api_extensions": "all",
                "trust": "true",
                "security_compliance": "true",
                "federation": "true",
                "external_idp": "false",
            },
            "fed_scenario": {"enable_k2k_groups_mapping": "true"},
        },
        identity={
            # What Tempest's defaults take for granted.
            "security_compliance": {
                "lockout_failure_attempts": 2,
                "lockout_duration": 5,
                "unique_last_password_count": 2,
            },
        },
        prepare=believe,
    ),
    "image": Service(
        suites={
            "tempest": r"^tempest\.api\.image\.",
            "plugin": r"^glance_tempest_plugin\.tests\.",
            "stores": r"^tempest\.api\.image\..*(MultiStores|ImportCopyImages)",
            "locations": r"^tempest\.api\.image\..*ImageLocations",
        },
        host=True,
        images={
            # What the tests download is served by this machine.
            "": {"allowed_networks": ["127.0.0.1/32"], "allowed_ports": []},
            "stores": {"stores": {"second": {"type": "file", "path": "/dev/shm/pileus-second"}}},
            "locations": {"stores": {"web": {"type": "http"}}, "show_multiple_locations": True},
        },
        options={
            "image": {
                "container_formats": "bare,ami,ari,aki,ovf,ova,docker",
                "disk_formats": "ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso",
            },
            "image-feature-enabled": {"image_conversion": "true"},
            "glance_api": {"system_scope_supported": "false"},
        },
        own={
            # Readers are to be readers only.
            "plugin": {"auth": {"tempest_roles": ""}},
            "locations": {"image-feature-enabled": {"manage_locations": "true"}},
        },
    ),
}
