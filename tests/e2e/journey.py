"""The steps of the journey, in order; each builds on those before it."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from debian import Debian
from openstack import OpenStack, Refused

PROJECT, USER, PASSWORD = "e2e", "e2e-user", "e2e-secret-password"
GUEST_WAIT = 300.0


class Journey:
    """State that the steps hand on: names, addresses, the key."""

    def __init__(self, state: Path, client: Path, image: Path | None) -> None:
        self.config = json.loads((state / "config.json").read_text())
        self.state, self.image = state, image
        self.real = not self.config["simulate"]
        clouds = Path(self.config["clouds_file"] or Path.home() / ".config/openstack/clouds.yaml")
        self.admin = OpenStack(client, clouds, self.config["cloud_name"])
        self.user = OpenStack(client, clouds, self.config["cloud_name"])
        self.user.extra = {
            "OS_USERNAME": USER,
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": PROJECT,
        }
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.key = self.folder / "key"
        self.address = ""
        self.fixed: dict[str, str] = {}
        self.rules: dict[str, str] = {}

    def clean(self) -> None:
        """Remove the temporary folder."""
        self._folder.cleanup()

    def steps(self) -> list[Callable[[], None]]:
        """The steps that can be walked on this cloud."""
        always = [
            self.project_and_user,
            self.token_catalog_versions,
            self.application_credential,
            self.tiny_image,
            self.network,
            self.security_group,
            self.keypair_flavor_port,
            self.first_server,
            self.look_at_it,
            self.config_drive_server,
        ]
        packets = [self.floating_ip, self.ssh, self.second_pings_first, self.rules_hold]
        power = [self.power]
        debian = Debian(self).steps() if self.image and self.real else []
        last = [self.delete_everything, self.audit]
        return [*always, *(packets if self.real else [self.floating_ip]), *power, *debian, *last]

    def project_and_user(self) -> None:
        """admin: project, user, role"""
        self.admin.run("project", "create", PROJECT)
        self.admin.run("user", "create", "--password", PASSWORD, "--project", PROJECT, USER)
        self.admin.run("role", "add", "--project", PROJECT, "--user", USER, "member")

    def token_catalog_versions(self) -> None:
        """token issue, catalog list, versions show"""
        assert self.user.json("token", "issue")["id"]
        types = {row["Type"] for row in self.user.json("catalog", "list")}
        assert {"identity", "image", "network", "compute", "placement"} <= types, types
        assert self.user.json("versions", "show")

    def application_credential(self) -> None:
        """application credential: made, used to log in, deleted"""
        made = self.user.json("application", "credential", "create", "e2e")
        login = OpenStack(self.user.program, self.user.clouds_file, "")
        login.extra = {
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_AUTH_URL": f"{self.url}/identity",
            "OS_APPLICATION_CREDENTIAL_ID": made.get("id") or made["ID"],
            "OS_APPLICATION_CREDENTIAL_SECRET": made.get("secret") or made["Secret"],
        }
        assert login.json("token", "issue")["id"]
        self.user.run("application", "credential", "delete", "e2e")

    @property
    def url(self) -> str:
        """Where the cloud answers."""
        return f"http://{self.config['listen']}:{self.config['port']}"

    def tiny_image(self) -> None:
        """image create, from the bytes of pileus-tiny"""
        file = self.folder / "tiny.img"
        self.user.run("image", "save", "--file", str(file), "pileus-tiny")
        shown = self.user.json("image", "show", "pileus-tiny")
        self.user.run(
            *("image", "create", "--disk-format", shown["disk_format"]),
            *("--container-format", "bare", "--file", str(file), "e2e-tiny"),
        )
        assert self.user.json("image", "show", "e2e-tiny")["status"] == "active"

    def network(self) -> None:
        """network, subnet, router to the external network"""
        self.user.run("network", "create", "e2e-net")
        self.user.run(
            *("subnet", "create", "--network", "e2e-net", "--subnet-range", "10.77.0.0/24"),
            "e2e-subnet",
        )
        self.user.run("router", "create", "e2e-router")
        self.user.run("router", "set", "--external-gateway", "public", "e2e-router")
        self.user.run("router", "add", "subnet", "e2e-router", "e2e-subnet")

    def security_group(self) -> None:
        """security group with rules for ICMP and SSH"""
        self.user.run("security", "group", "create", "e2e-group")
        for name, words in (
            ("icmp", ("--protocol", "icmp")),
            ("ssh", ("--protocol", "tcp", "--dst-port", "22")),
        ):
            made = self.user.json("security", "group", "rule", "create", *words, "e2e-group")
            self.rules[name] = made["id"]

    def keypair_flavor_port(self) -> None:
        """keypair (imported), flavor, port"""
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True
        )
        self.user.run("keypair", "create", "--public-key", f"{self.key}.pub", "e2e-key")
        self.admin.run(
            "flavor", "create", "--ram", "128", "--disk", "1", "--vcpus", "1", "e2e-nano"
        )
        self.user.run(
            *("port", "create", "--network", "e2e-net", "--security-group", "e2e-group"),
            *("--fixed-ip", "subnet=e2e-subnet,ip-address=10.77.0.50", "e2e-port"),
        )

    def first_server(self) -> None:
        """server create --wait, on the port (metadata service)"""
        self.boot("e2e-1", "e2e-tiny", "--port", "e2e-port")
        self.fixed["e2e-1"] = "10.77.0.50"

    def config_drive_server(self) -> None:
        """server create --wait, on the network, with a config drive"""
        net = ("--network", "e2e-net", "--security-group", "e2e-group")
        self.boot("e2e-2", "e2e-tiny", *net, "--use-config-drive")
        shown = self.user.json("server", "show", "e2e-2")
        self.fixed["e2e-2"] = shown["addresses"]["e2e-net"][0]

    def boot(self, name: str, image: str, *words: str, flavor: str = "e2e-nano") -> None:
        """Make a server with the key, and see it active."""
        self.user.run(
            *("server", "create", "--image", image, "--flavor", flavor),
            *("--key-name", "e2e-key", *words, "--wait", name),
        )
        shown = self.user.json("server", "show", name)
        assert shown["status"] == "ACTIVE", shown

    def look_at_it(self) -> None:
        """server show, list, console log show, event list"""
        shown = self.user.json("server", "show", "e2e-1")
        assert shown["addresses"] == {"e2e-net": ["10.77.0.50"]}, shown["addresses"]
        assert [row["Name"] for row in self.user.json("server", "list")] == ["e2e-1"]
        actions = [row["Action"] for row in self.user.json("server", "event", "list", "e2e-1")]
        assert "create" in actions, actions
        self.until(
            lambda: self.user.run("console", "log", "show", "e2e-1").strip(), "a console log"
        )

    def floating_ip(self) -> None:
        """floating IP: made and associated"""
        made = self.user.json("floating", "ip", "create", "public")
        self.address = made["floating_ip_address"]
        self.user.run("server", "add", "floating", "ip", "e2e-1", self.address)
        shown = self.user.json("server", "show", "e2e-1")
        assert self.address in shown["addresses"]["e2e-net"], shown["addresses"]

    def ssh(self) -> None:
        """ping and ssh to the floating IP with the injected key"""
        self.until(self._pings, "the floating IP to answer pings")
        self.until(lambda: "e2e-1" in self.ssh_to("hostname"), "ssh with the key")

    def second_pings_first(self) -> None:
        """the second guest, reached through its own floating IP, pings the first"""
        made = self.user.json("floating", "ip", "create", "public")
        address = made["floating_ip_address"]
        self.user.run("server", "add", "floating", "ip", "e2e-2", address)
        self.until(lambda: "e2e-2" in self.ssh_to("hostname", address), "ssh to the second guest")
        answer = self.ssh_to(f"ping -c 2 -w 10 {self.fixed['e2e-1']}", address)
        assert " 0% packet loss" in answer, answer

    def rules_hold(self) -> None:
        """a rule removed blocks the traffic, put back lets it through"""
        assert self._pings()
        self.user.run("security", "group", "rule", "delete", self.rules["icmp"])
        self.until(lambda: not self._pings(), "pings to be blocked")
        made = self.user.json(
            "security", "group", "rule", "create", "--protocol", "icmp", "e2e-group"
        )
        self.rules["icmp"] = made["id"]
        self.until(self._pings, "pings to be let through again")

    def power(self) -> None:
        """server reboot, stop, start"""
        self.user.run("server", "reboot", "--hard", "--wait", "e2e-1")
        if self.real:
            self.until(lambda: "e2e-1" in self.ssh_to("hostname"), "ssh after the reboot")
        self.user.run("server", "stop", "e2e-1")
        self.until(lambda: self.status("e2e-1") == "SHUTOFF", "SHUTOFF")
        self.user.run("server", "start", "e2e-1")
        self.until(lambda: self.status("e2e-1") == "ACTIVE", "ACTIVE")
        if self.real:
            self.until(lambda: "e2e-1" in self.ssh_to("hostname"), "ssh after the start")

    def delete_everything(self) -> None:
        """delete everything"""
        for name in [row["Name"] for row in self.user.json("server", "list")]:
            self.user.run("server", "delete", "--wait", name)
        for row in self.user.json("floating", "ip", "list"):
            self.user.run("floating", "ip", "delete", row["ID"])
        self.user.run("port", "delete", "e2e-port")
        self.user.run("router", "remove", "subnet", "e2e-router", "e2e-subnet")
        self.user.run("router", "delete", "e2e-router")
        self.user.run("network", "delete", "e2e-net")
        self.user.run("security", "group", "delete", "e2e-group")
        self.user.run("keypair", "delete", "e2e-key")
        for row in self.user.json("image", "list", "--private"):
            self.user.run("image", "delete", row["ID"])
        for row in self.admin.json("flavor", "list"):
            if row["Name"].startswith("e2e-"):
                self.admin.run("flavor", "delete", row["ID"])
        self.admin.run("user", "delete", USER)
        self.admin.run("project", "delete", PROJECT)

    def audit(self) -> None:
        """pileus audit finds nothing left"""
        words = [sys.executable, "-m", "pileus.cli", "audit", "--state", str(self.state)]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.admin.json("server", "list", "--all-projects") == []

    def status(self, name: str) -> str:
        """The server's status."""
        return str(self.user.json("server", "show", name)["status"])

    def _pings(self) -> bool:
        words = ["ping", "-c", "1", "-W", "2", self.address]
        return subprocess.run(words, capture_output=True).returncode == 0

    def ssh_to(self, command: str, address: str = "", user: str = "root") -> str:
        """What the command prints in the guest; nothing when it cannot be reached."""
        words = ["ssh", "-i", str(self.key), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        words += [f"{user}@{address or self.address}", command]
        return subprocess.run(words, capture_output=True, text=True, timeout=GUEST_WAIT).stdout

    def until(
        self,
        done: Callable[[], Any],
        what: str,
        seconds: float = GUEST_WAIT,
        guest: str = "e2e-1",
    ) -> None:
        """Wait for `done()`; AssertionError after `seconds`, with the guest's console."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if done():
                    return
            except (Refused, subprocess.TimeoutExpired):
                pass
            time.sleep(0.5)
        log = ""
        if self.real:
            log = self.user.run("console", "log", "show", "--lines", "30", guest)
        raise AssertionError(f"waited {seconds} s for {what}\n{log}")
