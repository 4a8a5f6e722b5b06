"""A day's use of a cloud through the cloud layer of openstacksdk.

Runs in the client environment: `python sdk_day.py URL ADMIN_PASSWORD`. Stops at the first thing
that is not as a user expects it.
"""

import hashlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openstack
from openstack.connection import Connection

WAIT = 60
PASSWORD = "day-secret-password"


def connect(url: str, user: str, password: str, project: str) -> Connection:
    """A connection as that user in that project."""
    return openstack.connect(
        auth_url=f"{url}/identity",
        username=user,
        password=password,
        project_name=project,
        user_domain_id="default",
        project_domain_id="default",
        region_name="RegionOne",
        identity_api_version="3",
        load_yaml_config=False,
        load_envvars=False,
        app_name="day",
    )


class Day:
    """The steps of the day, in order; each builds on those before it."""

    def __init__(self, url: str, admin_password: str) -> None:
        self.url = url
        self.admin = connect(url, "admin", admin_password, "admin")
        self.user: Connection = self.admin
        self.made: dict[str, Any] = {}

    def steps(self) -> list[Callable[[], None]]:
        """What is done, from morning to evening."""
        return [
            self.projects_users_roles,
            self.services_and_endpoints,
            self.images,
            self.flavors,
            self.networks,
            self.security_groups,
            self.keypairs,
            self.server,
            self.server_lists,
            self.server_parts,
            self.server_power,
            self.server_groups_of_the_server,
            self.floating_ips,
            self.ports,
            self.pages,
            self.quotas_and_limits,
            self.hosts,
            self.evening,
        ]

    def projects_users_roles(self) -> None:
        """create and search projects, users, groups, roles; grant and revoke"""
        cloud = self.admin
        project = cloud.create_project("day", domain_id="default", description="a day")
        user = cloud.create_user(
            "day", password=PASSWORD, default_project=project.id, domain_id="default"
        )
        cloud.create_group("day-people", "People of the day", domain="default")
        role = cloud.create_role("day-role")
        assert cloud.get_project("day").id == project.id
        assert cloud.get_user("day").id == user.id
        assert [p.name for p in cloud.search_projects("day")] == ["day"]
        assert [u.name for u in cloud.search_users("day")] == ["day"]
        assert [g.name for g in cloud.search_groups("day-people")] == ["day-people"]
        assert [r.name for r in cloud.search_roles("day-role")] == ["day-role"]
        assert cloud.update_project(project.id, description="another").description == "another"
        assert cloud.update_user(user.id, email="day@example.org").email == "day@example.org"
        assert cloud.update_role(role.id, "day-role-2").name == "day-role-2"
        assert cloud.grant_role("member", user="day", project="day", wait=True)
        assert cloud.grant_role("day-role-2", group="day-people", project="day")
        found = cloud.list_role_assignments({"user": user.id, "project": project.id})
        assert len(found) == 1, found
        cloud.add_user_to_group("day", "day-people")
        assert cloud.is_user_in_group("day", "day-people")
        cloud.remove_user_from_group("day", "day-people")
        assert not cloud.is_user_in_group("day", "day-people")
        assert cloud.revoke_role("day-role-2", group="day-people", project="day")
        assert cloud.delete_role("day-role-2")
        assert cloud.delete_group("day-people")
        domain = cloud.create_domain("day-domain", "of a day")
        assert cloud.get_domain(name_or_id="day-domain").id == domain.id
        assert cloud.delete_domain(domain.id)
        self.user = connect(self.url, "day", PASSWORD, "day")
        assert self.user.current_project_id == project.id
        self.made["project"] = project.id

    def services_and_endpoints(self) -> None:
        """the catalog as an administrator sees and changes it"""
        cloud = self.admin
        assert {"compute", "identity", "image", "network", "placement"} <= {
            s.type for s in cloud.list_services()
        }
        service = cloud.create_service("day-service", type="day", description="of a day")
        made = cloud.create_endpoint(
            "day-service", url="http://127.0.0.1:9/", interface="public", region="RegionOne"
        )
        assert cloud.search_endpoints(filters={"service_id": service.id})
        assert cloud.delete_endpoint(made[0].id)
        assert cloud.delete_service(service.id)
        for name in ("compute", "identity", "image", "network"):
            assert self.user.has_service(name), name
        assert self.user.compute.get_endpoint_data().max_microversion

    def images(self) -> None:
        """upload, find, change, share, download an image"""
        cloud = self.user
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "day.raw"
            file.write_bytes(bytes(range(256)) * 4096)
            sum_ = hashlib.sha512(file.read_bytes()).hexdigest()
            image = cloud.create_image(
                "day-image",
                filename=str(file),
                disk_format="raw",
                container_format="bare",
                wait=True,
                timeout=WAIT,
                min_ram=64,
                color="blue",
            )
            assert image.status == "active", image
            again = Path(folder) / "again.raw"
            cloud.download_image("day-image", output_path=str(again))
            assert hashlib.sha512(again.read_bytes()).hexdigest() == sum_
        found = cloud.get_image("day-image")
        assert (found.hash_value, found.size, found.min_ram) == (sum_, 1 << 20, 64)
        assert found.properties["color"] == "blue", found
        assert cloud.update_image_properties(image=found, color="red", shape="round")
        assert cloud.get_image_by_id(image.id).properties["color"] == "red"
        names = {i.name for i in cloud.list_images()}
        assert {"day-image", "pileus-tiny"} <= names, names
        assert [i.name for i in cloud.search_images("day-*")] == ["day-image"]
        cloud.image.add_tag(image, "day-tag")
        assert [i.id for i in cloud.image.images(tag="day-tag")] == [image.id]
        other = self.admin.current_project_id
        cloud.image.update_image(image, visibility="shared")
        cloud.image.add_member(image, member_id=other)
        assert [m.member_id for m in cloud.image.members(image)] == [other]
        cloud.image.remove_member(other, image=image)

    def flavors(self) -> None:
        """make flavors, extra specs, access"""
        cloud = self.admin
        made = cloud.create_flavor("day-flavor", 128, 1, 1, is_public=False)
        cloud.set_flavor_specs(made.id, {"hw:mem_page_size": "small", "day:key": "x"})
        cloud.unset_flavor_specs(made.id, ["day:key"])
        assert cloud.get_flavor("day-flavor", get_extra=True).extra_specs == {
            "hw:mem_page_size": "small"
        }
        project = self.made["project"]
        cloud.add_flavor_access(made.id, project)
        access = cloud.list_flavor_access(made.id)
        assert [row["tenant_id"] for row in access] == [project], access
        assert self.user.get_flavor("day-flavor") is not None
        cloud.remove_flavor_access(made.id, project)
        assert self.user.get_flavor("day-flavor") is None
        cloud.unset_flavor_specs(made.id, ["hw:mem_page_size"])
        assert cloud.delete_flavor("day-flavor")
        assert self.user.get_flavor_by_ram(128).ram >= 128
        assert [f.name for f in self.user.search_flavors("m1.n*")] == ["m1.nano"]

    def networks(self) -> None:
        """network, subnet, router with a gateway"""
        cloud = self.user
        network = cloud.create_network("day-net", mtu_size=1400, port_security_enabled=True)
        subnet = cloud.create_subnet(
            "day-net",
            cidr="10.88.0.0/24",
            subnet_name="day-subnet",
            enable_dhcp=True,
            dns_nameservers=["9.9.9.9"],
            allocation_pools=[{"start": "10.88.0.10", "end": "10.88.0.200"}],
            host_routes=[{"destination": "10.99.0.0/24", "nexthop": "10.88.0.9"}],
        )
        six = cloud.create_subnet(
            "day-net",
            cidr="fd00:88::/64",
            ip_version=6,
            subnet_name="day-six",
            enable_dhcp=True,
            ipv6_ra_mode="slaac",
            ipv6_address_mode="slaac",
        )
        assert cloud.update_subnet("day-six", subnet_name="day-v6").name == "day-v6"
        assert cloud.delete_subnet(six.id)
        assert cloud.update_subnet(subnet.id, dns_nameservers=["1.1.1.1"]).dns_nameservers == [
            "1.1.1.1"
        ]
        assert cloud.update_network("day-net", admin_state_up=True).name == "day-net"
        public = next(n for n in cloud.list_networks({"router:external": True}))
        router = cloud.create_router("day-router", ext_gateway_net_id=public.id)
        cloud.add_router_interface(router, subnet_id=subnet.id)
        assert len(cloud.list_router_interfaces(router, "internal")) == 1
        routes = [{"destination": "10.66.0.0/24", "nexthop": "10.88.0.5"}]
        assert cloud.update_router("day-router", routes=routes).routes == routes
        assert cloud.update_router("day-router", routes=[]).routes == []
        assert [n.id for n in cloud.search_networks("day-net")] == [network.id]
        assert [s.id for s in cloud.search_subnets("day-subnet")] == [subnet.id]
        assert [r.id for r in cloud.search_routers("day-router")] == [router.id]
        assert {n.name for n in cloud.get_external_networks()} == {"public"}
        assert "day-net" in {n.name for n in cloud.get_internal_networks()}
        self.made |= {"network": network.id, "subnet": subnet.id, "router": router.id}

    def security_groups(self) -> None:
        """groups and all kinds of rules"""
        cloud = self.user
        group = cloud.create_security_group("day-group", "of a day")
        cloud.create_security_group_rule(
            "day-group", port_range_min=22, port_range_max=22, protocol="tcp"
        )
        cloud.create_security_group_rule("day-group", protocol="icmp")
        cloud.create_security_group_rule(
            "day-group", protocol="udp", remote_group_id=group.id, ethertype="IPv6"
        )
        rule = cloud.create_security_group_rule(
            "day-group", protocol="tcp", remote_ip_prefix="10.0.0.0/8", direction="egress"
        )
        assert cloud.delete_security_group_rule(rule.id)
        assert cloud.update_security_group("day-group", description="new").description == "new"
        shown = cloud.get_security_group("day-group")
        assert len(shown.security_group_rules) == 5, shown
        assert {g.name for g in cloud.search_security_groups()} == {"default", "day-group"}

    def keypairs(self) -> None:
        """made here and brought along"""
        cloud = self.user
        public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
        assert cloud.create_keypair("day-key", public).public_key.startswith(public)
        assert [k.name for k in cloud.list_keypairs()] == ["day-key"]
        assert cloud.get_keypair("day-key").fingerprint
        assert cloud.search_keypairs("nothing") == []

    def server(self) -> None:
        """a server with a floating IP of its own accord"""
        cloud = self.user
        group = cloud.create_server_group("day-servers", ["soft-anti-affinity"])
        server = cloud.create_server(
            "day-1",
            image="pileus-tiny",
            flavor="m1.nano",
            network="day-net",
            key_name="day-key",
            security_groups=["day-group"],
            meta={"purpose": "day"},
            userdata="#!/bin/sh\necho hello\n",
            config_drive=True,
            group="day-servers",
            auto_ip=True,
            wait=True,
            timeout=WAIT,
        )
        assert server.status == "ACTIVE", server
        server = cloud.get_server(server.id)  # the answer above is from before the address came
        assert server.private_v4.startswith("10.88.0."), server.private_v4
        assert server.public_v4.startswith("172."), server.public_v4
        assert server.key_name == "day-key"
        self.made |= {"server": server.id, "group": group.id, "float": server.public_v4}

    def server_lists(self) -> None:
        """lists and searches, bare and detailed"""
        cloud, server = self.user, self.made["server"]
        assert [s.id for s in cloud.list_servers()] == [server]
        found = cloud.list_servers(detailed=True)[0]
        assert found.public_v4 == self.made["float"]
        assert {"addr", "version", "OS-EXT-IPS:type", "OS-EXT-IPS-MAC:mac_addr"} <= set(
            found.addresses["day-net"][0]
        )
        assert [s.id for s in cloud.list_servers(bare=True)] == [server]
        assert [s.id for s in cloud.search_servers("day-?")] == [server]
        assert cloud.search_servers(filters={"status": "ERROR"}) == []
        assert [s.id for s in cloud.list_servers(filters={"status": "ACTIVE"})] == [server]
        assert cloud.list_servers(filters={"name": "other"}) == []
        assert cloud.get_server("day-1", detailed=True).id == server
        assert cloud.get_server_by_id(server).name == "day-1"
        assert cloud.get_server_id("day-1") == server
        assert [s.id for s in self.admin.list_servers(all_projects=True)] == [server]
        assert self.admin.list_servers() == []
        assert {v["addr"] for v in cloud.get_server(server).addresses["day-net"]} >= {
            self.made["float"]
        }
        assert cloud.get_openstack_vars(cloud.get_server(server)) is not None

    def server_parts(self) -> None:
        """console, metadata, tags, groups, events, addresses"""
        cloud, server = self.user, self.made["server"]
        assert isinstance(cloud.get_server_console(server), str)
        cloud.set_server_metadata(server, {"a": "1", "b": "2"})
        cloud.delete_server_metadata(server, ["a"])
        metadata = cloud.get_server(server).metadata
        assert metadata == {"purpose": "day", "b": "2"}, metadata
        cloud.compute.add_tag_to_server(server, "red")
        tags = cloud.compute.get_server(server).fetch_tags(cloud.compute).tags
        assert tags == ["red"], tags
        cloud.create_security_group("day-extra", "one more")
        assert cloud.add_server_security_groups(server, ["day-extra"])
        names = {g["name"] for g in cloud.list_server_security_groups(server)}
        assert names == {"day-group", "day-extra"}, names
        assert cloud.remove_server_security_groups(server, ["day-extra"])
        assert cloud.delete_security_group("day-extra")
        renamed = cloud.update_server(server, name="day-one")
        assert renamed.name == "day-one"
        actions = [a.action for a in cloud.compute.server_actions(server)]
        assert "create" in actions, actions
        shown = cloud.compute.get_server_action(
            next(a.request_id for a in cloud.compute.server_actions(server)), server
        )
        assert shown.request_id
        assert list(cloud.compute.server_ips(server))
        assert list(cloud.compute.server_interfaces(server))

    def server_power(self) -> None:
        """stop, start, reboot"""
        cloud, server = self.user, self.made["server"]
        for act, status in (("stop_server", "SHUTOFF"), ("start_server", "ACTIVE")):
            getattr(cloud.compute, act)(server)
            cloud.compute.wait_for_server(cloud.compute.get_server(server), status, wait=WAIT)
        for kind in ("SOFT", "HARD"):
            cloud.compute.reboot_server(server, kind)
            cloud.compute.wait_for_server(cloud.compute.get_server(server), wait=WAIT)

    def server_groups_of_the_server(self) -> None:
        """the group that the server was made in"""
        cloud = self.user
        group = cloud.get_server_group("day-servers")
        assert group.member_ids == [self.made["server"]], group
        assert [g.name for g in cloud.search_server_groups("day-*")] == ["day-servers"]

    def floating_ips(self) -> None:
        """taken, moved, given back"""
        cloud, server = self.user, self.made["server"]
        assert [f.floating_ip_address for f in cloud.list_floating_ips()] == [self.made["float"]]
        assert [p.name for p in cloud.list_networks({"router:external": True})] == ["public"]
        second = cloud.create_floating_ip(network="public")
        assert second.status == "DOWN"
        assert cloud.get_floating_ip(second.id).id == second.id
        first = cloud.search_floating_ips(filters={"attached": True})[0]
        assert cloud.detach_ip_from_server(server, first.id)
        assert cloud.delete_floating_ip(first.id)
        cloud.add_ip_list(cloud.get_server(server), [second.floating_ip_address], wait=True)
        assert cloud.get_server(server).public_v4 == second.floating_ip_address
        assert cloud.available_floating_ip(network="public").status == "DOWN"
        assert cloud.delete_unattached_floating_ips() == 1

    def ports(self) -> None:
        """a port with an address, a pair and no security group"""
        cloud = self.user
        port = cloud.create_port(
            self.made["network"],
            name="day-port",
            fixed_ips=[{"subnet_id": self.made["subnet"], "ip_address": "10.88.0.150"}],
            allowed_address_pairs=[{"ip_address": "10.88.0.151"}],
            security_groups=[],
        )
        assert port.fixed_ips[0]["ip_address"] == "10.88.0.150"
        assert cloud.update_port("day-port", name="day-port-2").name == "day-port-2"
        assert [p.id for p in cloud.search_ports("day-port-2")] == [port.id]
        assert [p.id for p in cloud.list_ports({"fixed_ips": "ip_address=10.88.0.150"})] == [
            port.id
        ]
        assert cloud.delete_port(port.id)

    def pages(self) -> None:
        """lists that take several requests"""
        cloud = self.user
        for index in range(5):
            cloud.create_security_group(f"page-{index}", "")
        for service, noun in (("network", "security_groups"), ("network", "ports")):
            list_ = getattr(getattr(cloud, service), noun)
            whole = [row.id for row in list_()]
            assert [row.id for row in list_(limit=2)] == whole, noun
            assert len(set(whole)) == len(whole) > 2, noun
        for index in range(5):
            assert cloud.delete_security_group(f"page-{index}")
        flavors = [f.id for f in cloud.compute.flavors()]
        assert [f.id for f in cloud.compute.flavors(limit=2)] == flavors
        images = sorted(i.id for i in cloud.image.images())
        assert sorted(i.id for i in cloud.image.images(limit=1)) == images

    def quotas_and_limits(self) -> None:
        """quotas set, seen and reset; limits and usage"""
        admin, project = self.admin, self.made["project"]
        admin.set_compute_quotas("day", cores=7)
        assert admin.get_compute_quotas("day").cores == 7
        assert self.user.get_compute_limits().max_total_cores == 7
        admin.delete_compute_quotas("day")
        assert admin.get_compute_quotas("day").cores != 7
        admin.set_network_quotas("day", network=3)
        assert admin.get_network_quotas("day").networks == 3
        details = admin.get_network_quotas("day", details=True)
        assert details.networks["used"] == 1, details
        admin.delete_network_quotas("day")
        assert self.user.get_compute_limits().total_instances_used == 1
        assert admin.get_compute_usage(project) is not None

    def hosts(self) -> None:
        """availability zones, hypervisors, services, agents"""
        assert self.user.list_availability_zone_names() == ["nova"]
        hypervisors = self.admin.list_hypervisors()
        assert hypervisors and hypervisors[0].state == "up", hypervisors
        assert {s.binary for s in self.admin.compute.services()} >= {"nova-compute"}
        assert list(self.admin.network.agents())
        assert list(self.admin.placement.resource_providers())

    def evening(self) -> None:
        """delete everything, in a user's order"""
        cloud, admin = self.user, self.admin
        assert cloud.delete_server(self.made["server"], wait=True, timeout=WAIT, delete_ips=True)
        assert cloud.get_server("day-one") is None
        assert cloud.list_floating_ips() == []
        assert cloud.delete_server_group("day-servers")
        assert cloud.delete_keypair("day-key")
        assert not cloud.delete_keypair("day-key")
        assert (
            cloud.remove_router_interface(
                cloud.get_router("day-router"), subnet_id=self.made["subnet"]
            )
            is None
        )
        assert cloud.delete_router("day-router")
        assert cloud.delete_subnet("day-subnet")
        assert cloud.delete_network("day-net")
        assert cloud.delete_security_group("day-group")
        assert cloud.delete_image("day-image", wait=True)
        assert admin.delete_user("day")
        assert admin.delete_project("day")


def main() -> int:
    """Walk through the day; 1 when something is not as it should be."""
    day = Day(sys.argv[1], sys.argv[2])
    for step in day.steps():
        print(f"{step.__name__}: {step.__doc__}", flush=True)
        step()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
