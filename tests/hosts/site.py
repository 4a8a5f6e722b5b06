"""A real cloud over several hosts: a control plane, and agents that have joined it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import libvirt

from pileus.host.libvirtd import Libvirtd
from pileus.host.place import Place

from ..login import login
from ..wait import until
from .machines import Host, Machines

PILEUS = [sys.executable, "-m", "pileus.cli"]
EXTERNAL = "172.24.4"  # every host has networks of its own, so any will do
WAIT = 120.0


class Site:
    """The cloud. Its first host is the control plane's; `host()` adds others."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.control = machines.host()
        self.url = f"http://{self.control.address}:8080"
        self.agents = f"{self.control.address}:9443"
        self.key = machines.folder / "key"
        self._headers: dict[str, str] = {}
        subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", self.key], check=True)

    def pileus(self, host: Host, *words: str, state: Path | None = None) -> str:
        """`pileus … --state …` on a host; what it printed."""
        command = [*PILEUS, *words, "--state", str(state or host.state)]
        given = os.environ | {"PILEUS_ADMIN_PASSWORD": "secret"}
        line = host.words(*command)
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=given)
        assert done.returncode == 0, f"pileus {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self) -> None:
        """Start the control plane."""
        where = ["--listen", self.control.address, "--port", "8080", "--insecure-http"]
        files = ["--clouds-file", str(self.machines.folder / "clouds.yaml")]
        words = [*where, *files, "--agent-listen", self.agents, "--external", f"{EXTERNAL}.0/24"]
        self.pileus(self.control, "up", *words)

    def down(self) -> None:
        """Stop the control plane."""
        self.pileus(self.control, "down")

    def host(self) -> Host:
        """A host that has joined."""
        made = self.machines.host()
        words = ("agent", "token", "create", "--host", made.name, "--quiet")
        token = self.pileus(self.control, *words).strip()
        self.pileus(made, "agent", "join", self.agents, "--token", token)
        return made

    def pid(self, host: Host) -> int:
        """The process of the control plane or of a host's agent."""
        return int((host.state / "pileus.pid").read_text().split()[0])

    # The API.

    def log_in(self) -> None:
        """Get a token of the admin."""
        body = login("admin", "secret")
        answer = httpx.post(f"{self.url}/identity/v3/auth/tokens", json=body, timeout=WAIT)
        self._headers = {
            "X-Auth-Token": answer.headers["X-Subject-Token"],
            "OpenStack-API-Version": "compute 2.96",
        }

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the API answers; an empty map where it says nothing."""
        words = (method, self.url + path)
        answer = httpx.request(*words, json=body, headers=self._headers, timeout=WAIT)
        assert answer.status_code < 400, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else {}

    def make(self, path: str, kind: str, **values: Any) -> dict[str, Any]:
        """Make a thing through the API; its representation."""
        return dict(self.call("POST", path, {kind: values})[kind])

    def server(self, name: str, host: Host, network: str, **more: Any) -> str:
        """A server on this very host, not waited for; its id."""
        images = self.call("GET", "/image/v2/images")["images"]
        made = self.make(
            "/compute/v2.1/servers",
            "server",
            name=name,
            imageRef=next(i["id"] for i in images if i["name"] == "pileus-tiny"),
            flavorRef=self.flavor("m1.nano"),
            networks=[{"uuid": network}],
            availability_zone=f"nova:{host.name}",
            **more,
        )
        return str(made["id"])

    def flavor(self, name: str) -> str:
        """A flavor's id."""
        flavors = self.call("GET", "/compute/v2.1/flavors")["flavors"]
        return str(next(f["id"] for f in flavors if f["name"] == name))

    def active(self, server: str) -> dict[str, Any]:
        """The server once it is ACTIVE and nothing is done with it."""

        def look() -> dict[str, Any] | None:
            shown = dict(self.call("GET", f"/compute/v2.1/servers/{server}")["server"])
            assert shown["status"] != "ERROR", shown["fault"]
            idle = shown["status"] == "ACTIVE" and shown["OS-EXT-STS:task_state"] is None
            return shown if idle else None

        return dict(until(look, f"server {server} to be ACTIVE"))

    def servers(self) -> list[str]:
        """The ids of all servers."""
        return [s["id"] for s in self.call("GET", "/compute/v2.1/servers")["servers"]]

    def action(self, server: str, **body: Any) -> Any:
        """An action on a server."""
        return self.call("POST", f"/compute/v2.1/servers/{server}/action", body)

    def port(self, server: str) -> dict[str, Any]:
        """The server's only port."""
        return dict(self.call("GET", f"/network/v2.0/ports?device_id={server}")["ports"][0])

    def services(self) -> dict[str, str]:
        """Host → state of its service."""
        found = self.call("GET", "/compute/v2.1/os-services")["services"]
        return {one["host"]: one["state"] for one in found}

    def audited(self) -> list[Any]:
        """What `pileus audit` finds."""
        words = [*PILEUS, "audit", "--json", "--state", str(self.control.state)]
        done = subprocess.run(self.control.words(*words), capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return list(json.loads(done.stdout))

    # The guests.

    def ssh(self, address: str, command: str) -> str:
        """What a command in the guest at this address printed; "" where it cannot be reached."""
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR"]
        options += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        words = ["ssh", "-i", str(self.key), *options, f"root@{address}", command]
        done = subprocess.run(self.control.words(*words), capture_output=True, text=True)
        return done.stdout

    def pings(self, address: str) -> bool:
        """Whether the address answers the control plane's host."""
        words = ("ping", "-c", "1", "-W", "1", address)
        return subprocess.run(self.control.words(*words), capture_output=True).returncode == 0

    def pings_from(self, guest: str, address: str) -> bool:
        """Whether the address answers the guest at `guest`."""
        return " 0% packet loss" in self.ssh(guest, f"ping -c 2 -w 5 {address}")

    # What is on the hosts.

    def domains(self, host: Host) -> list[str]:
        """The domains that a host's libvirtd has."""
        connection = libvirt.open(Libvirtd(host.state).uri)
        try:
            return sorted(domain.name() for domain in connection.listAllDomains())
        finally:
            connection.close()

    def devices(self, host: Host) -> list[str]:
        """The taps and metadata devices on a host."""
        found = json.loads(host.run("ip", "-json", "link"))
        return [d["ifname"] for d in found if d["ifname"].startswith(("tap", "om"))]

    def plugged(self, host: Host) -> list[str]:
        """What a host's integration bridge has beyond tunnels and the external network."""
        place = Place(host.state)
        words = (f"--db=unix:{place.run}/ovs/db.sock", "list-ports", f"pi{place.tag}")
        found = host.run("ovs-vsctl", *words).split()
        return [port for port in found if not port.startswith(("ovn-", "patch-"))]

    def chassis(self) -> list[str]:
        """The names by which OVN knows the hosts."""
        words = ("--bare", "--columns=name", "list", "Chassis")
        database = f"--db=unix:{Place(self.control.state).run}/ovn/sb.sock"
        return self.control.run("ovn-sbctl", database, *words).split()

    def close(self) -> None:
        """Print what helps to understand a failure. The machines are switched off as they are."""
        for host in self.machines.hosts:
            for name in ("pileus", "ovn-controller", "ovs-vswitchd"):
                log = host.state / "log" / f"{name}.log"
                lines = log.read_text(errors="replace").splitlines() if log.exists() else []
                told = [line for line in lines if '"event": "request"' not in line][-25:]
                print(f"--- {host.name}: the end of {name}.log", *told, sep="\n")
