"""Which of upstream's tests a service is tried by, and with which options of Tempest.

A new service is an entry here, a target in the Makefile and `SERVICE/known.txt`.
"""

from dataclasses import dataclass, field

Options = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Service:
    """suites: regular expressions of tests by name. asked: suites that run only when named.

    options: groups of Tempest's options, on top of what `tempests.py` says of the cloud.
    """

    suites: dict[str, str]
    asked: dict[str, str] = field(default_factory=dict)
    options: Options = field(default_factory=dict)


SERVICES = {
    "identity": Service(
        suites={
            "tempest": r"^tempest\.api\.identity\.",
            "plugin": r"^keystone_tempest_plugin\.tests\.api\.",
            "rbac": r"^keystone_tempest_plugin\.tests\.rbac\.",
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
        },
    ),
    "image": Service(
        suites={
            "tempest": r"^tempest\.api\.image\.",
            "plugin": r"^glance_tempest_plugin\.tests\.",
        },
        options={
            "image": {
                "container_formats": "bare,ami,ari,aki,ovf,ova,docker",
                "disk_formats": "ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso",
            },
            "image-feature-enabled": {"image_conversion": "true"},
        },
    ),
}
