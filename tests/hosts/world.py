"""A cloud over several hosts with a network on which guests of all of them reach each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .machines import Host, machines
from .site import Site

_NET = "/network/v2.0"


@dataclass
class World:
    """What the tests share: a guest on every host."""

    site: Site
    network: str = ""
    public: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)  # host → server
    inside: dict[str, str] = field(default_factory=dict)  # host → its guest's fixed address
    outside: dict[str, str] = field(default_factory=dict)  # host → its guest's floating address

    @property
    def hosts(self) -> list[Host]:
        return self.site.machines.hosts

    @property
    def far(self) -> Host:
        """A host that is not the control plane's."""
        return self.hosts[1]

    def reached(self, host: Host) -> bool:
        """Whether the guest of the host answers at its floating address, with its own name."""
        return f"on-{host.name}" in self.site.ssh(self.outside[host.name], "hostname")

    def open(self) -> None:
        """Make the network, its way out, the rules and the key of all guests."""
        site = self.site
        group = site.make(f"{_NET}/security-groups", "security_group", name="hosts")["id"]
        rules = {"icmp": {"protocol": "icmp"}, "ssh": {"protocol": "tcp", "port_range_min": 22}}
        for name, words in rules.items():
            more = {"port_range_max": words["port_range_min"]} if len(words) > 1 else {}
            values = {"security_group_id": group, "direction": "ingress", **words, **more}
            rule = site.make(f"{_NET}/security-group-rules", "security_group_rule", **values)
            self.rules[name] = str(rule["id"])
        self.network = site.make(f"{_NET}/networks", "network", name="hosts")["id"]
        subnet = {"network_id": self.network, "ip_version": 4, "cidr": "10.60.0.0/24"}
        made = site.make(f"{_NET}/subnets", "subnet", **subnet)
        self.public = site.call("GET", f"{_NET}/networks?name=public")["networks"][0]["id"]
        gateway = {"network_id": self.public}
        router = site.make(f"{_NET}/routers", "router", name="r", external_gateway_info=gateway)
        add = {"subnet_id": made["id"]}
        site.call("PUT", f"{_NET}/routers/{router['id']}/add_router_interface", add)
        key = site.key.with_suffix(".pub").read_text()
        site.make("/compute/v2.1/os-keypairs", "keypair", name="k", type="ssh", public_key=key)

    def begin(self, host: Host) -> None:
        """Start a guest on the host, not waited for."""
        words = {"key_name": "k", "security_groups": [{"name": "hosts"}]}
        server = self.site.server(f"on-{host.name}", host, self.network, **words)
        self.servers[host.name] = server

    def begun(self, host: Host) -> dict[str, Any]:
        """The server of the host's guest once it is there, with a floating address."""
        site, server = self.site, self.servers[host.name]
        shown = site.active(server)
        port = site.port(server)
        assert port["status"] == "ACTIVE"
        values = {"floating_network_id": self.public, "port_id": port["id"]}
        floating = site.make(f"{_NET}/floatingips", "floatingip", **values)
        self.inside[host.name] = port["fixed_ips"][0]["ip_address"]
        self.outside[host.name] = floating["floating_ip_address"]
        return shown


@contextmanager
def a_world(folder: Path, hosts: int) -> Iterator[World]:
    """A cloud of so many hosts, its admin logged in; all is gone afterwards."""
    with machines(folder) as made:
        site = Site(made)
        try:
            site.up()
            for _ in range(hosts - 1):
                site.host()
            site.log_in()
            yield World(site)
        finally:
            site.close()
