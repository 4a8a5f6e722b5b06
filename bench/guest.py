"""A real guest: `server create` until SSH answers, against a bare QEMU of the same image.

    python bench/guest.py --state /var/lib/pileus

Wants a running real cloud, root and ssh. Both sides use the same image, memory and accelerator;
the bare one gets its address from QEMU's user network and its key from a config drive.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROUNDS = 3


class Api:
    """The admin's calls."""

    def __init__(self, state: Path) -> None:
        self.config = json.loads((state / "config.json").read_text())
        self.base = f"http://{self.config['listen']}:{self.config['port']}"
        user = {
            "name": "admin",
            "domain": {"id": "default"},
            "password": self.config["admin_password"],
        }
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        self.token = ""
        self.token = self.ask(
            "POST",
            "/identity/v3/auth/tokens",
            {"auth": {"identity": identity, "scope": scope}},
            header="X-Subject-Token",
        )

    def ask(self, method: str, path: str, body: Any = None, header: str = "") -> Any:
        """The decoded answer, or one of its headers."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "X-Auth-Token": self.token}
        headers["X-OpenStack-Nova-API-Version"] = "2.96"
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = answer.read()
            return answer.headers[header] if header else json.loads(found) if found else None


def _ssh(key: Path, address: str, port: int = 22) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    words = ["ssh", "-i", str(key), "-p", str(port), "-o", "BatchMode=yes"]
    words += ["-o", "ConnectTimeout=5", "-o", "StrictHostKeyChecking=no"]
    words += ["-o", "UserKnownHostsFile=/dev/null", f"root@{address}", "true"]
    return subprocess.run(words, capture_output=True).returncode == 0


def _until_ssh(key: Path, address: str, port: int, begun: float) -> float:
    while not _ssh(key, address, port):
        if time.perf_counter() - begun > 180:
            raise SystemExit(f"no SSH at {address}:{port} after 180 s")
        time.sleep(0.05)
    return time.perf_counter() - begun


def bare(key: Path, image: Path, accelerator: str, folder: Path) -> float:
    """Seconds from starting QEMU until SSH answers."""
    disk = folder / "bare.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image), str(disk)],
        check=True,
    )
    latest = folder / "drive/openstack/latest"
    latest.mkdir(parents=True, exist_ok=True)
    public = key.with_suffix(".pub").read_text()
    (latest / "meta_data.json").write_text(
        json.dumps({"uuid": "bare", "hostname": "bare", "public_keys": {"k": public}})
    )
    drive = folder / "drive.iso"
    subprocess.run(
        ["genisoimage", "-quiet", "-V", "config-2", "-J", "-r", "-o", str(drive), folder / "drive"],
        check=True,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cpu = "host" if accelerator == "kvm" else "qemu64"
    begun = time.perf_counter()
    guest = subprocess.Popen(
        [
            *("qemu-system-x86_64", "-accel", accelerator, "-cpu", cpu, "-m", "128"),
            *("-display", "none", "-nodefaults", "-serial", "null"),
            *("-drive", f"file={disk},format=qcow2,if=virtio"),
            *("-drive", f"file={drive},format=raw,media=cdrom"),
            *("-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22"),
            *("-device", "virtio-net-pci,netdev=n"),
        ]
    )
    try:
        return _until_ssh(key, "127.0.0.1", port, begun)
    finally:
        guest.kill()
        guest.wait()


class Bench:
    """Network, router, floating IP and key, made once; a server a round."""

    def __init__(self, api: Api, key: Path) -> None:
        self.api, self.key = api, key
        net = "/network/v2.0"
        self.network = api.ask("POST", f"{net}/networks", {"network": {"name": "bench"}})["network"]
        subnet = {"network_id": self.network["id"], "cidr": "10.99.0.0/24", "ip_version": 4}
        self.subnet = api.ask("POST", f"{net}/subnets", {"subnet": subnet})["subnet"]
        public = api.ask("GET", f"{net}/networks?name=public")["networks"][0]["id"]
        router = {"name": "bench", "external_gateway_info": {"network_id": public}}
        self.router = api.ask("POST", f"{net}/routers", {"router": router})["router"]["id"]
        join = {"subnet_id": self.subnet["id"]}
        api.ask("PUT", f"{net}/routers/{self.router}/add_router_interface", join)
        group = {"security_group": {"name": "bench"}}
        self.group = api.ask("POST", f"{net}/security-groups", group)["security_group"]["id"]
        rule = {
            "security_group_id": self.group,
            "direction": "ingress",
            "protocol": "tcp",
            "port_range_min": 22,
            "port_range_max": 22,
        }
        api.ask("POST", f"{net}/security-group-rules", {"security_group_rule": rule})
        floating = {"floatingip": {"floating_network_id": public}}
        self.floating = api.ask("POST", f"{net}/floatingips", floating)["floatingip"]
        text = key.with_suffix(".pub").read_text()
        pair = {"keypair": {"name": "bench", "type": "ssh", "public_key": text}}
        api.ask("POST", "/compute/v2.1/os-keypairs", pair)
        flavors = api.ask("GET", "/compute/v2.1/flavors")["flavors"]
        self.flavor = next(f["id"] for f in flavors if f["name"] == "m1.nano")
        images = api.ask("GET", "/image/v2/images?name=pileus-tiny")["images"]
        self.image = images[0]["id"]

    def round(self) -> float:
        """Seconds from the create call until SSH answers at the floating IP."""
        api, net = self.api, "/network/v2.0"
        port = {"network_id": self.network["id"], "security_groups": [self.group]}
        port_id = api.ask("POST", f"{net}/ports", {"port": port})["port"]["id"]
        bound = {"floatingip": {"port_id": port_id}}
        api.ask("PUT", f"{net}/floatingips/{self.floating['id']}", bound)
        begun = time.perf_counter()
        server = {
            "name": "bench",
            "flavorRef": self.flavor,
            "imageRef": self.image,
            "key_name": "bench",
            "networks": [{"port": port_id}],
        }
        key = api.ask("POST", "/compute/v2.1/servers", {"server": server})["server"]["id"]
        try:
            return _until_ssh(self.key, self.floating["floating_ip_address"], 22, begun)
        finally:
            api.ask("DELETE", f"/compute/v2.1/servers/{key}")
            while api.ask("GET", "/compute/v2.1/servers")["servers"]:
                time.sleep(0.05)
            api.ask("DELETE", f"{net}/ports/{port_id}")

    def close(self) -> None:
        """Delete what was made."""
        api, net = self.api, "/network/v2.0"
        api.ask("DELETE", f"{net}/floatingips/{self.floating['id']}")
        part = {"subnet_id": self.subnet["id"]}
        api.ask("PUT", f"{net}/routers/{self.router}/remove_router_interface", part)
        api.ask("DELETE", f"{net}/routers/{self.router}")
        api.ask("DELETE", f"{net}/networks/{self.network['id']}")
        api.ask("DELETE", f"{net}/security-groups/{self.group}")
        api.ask("DELETE", "/compute/v2.1/os-keypairs/bench")


def main() -> int:
    """Measure in turn and print both medians and the ratio, pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("/var/lib/pileus"))
    state = parser.parse_args().state
    api = Api(state)
    accelerator = json.loads((state / "accelerator.json").read_text())["accelerator"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        bench = Bench(api, key)
        image = state / "images" / bench.image
        pairs = []
        try:
            for number in range(ROUNDS + 1):
                cloud = bench.round()
                alone = bare(key, image, accelerator, folder)
                if number:  # the first round warms caches
                    pairs.append((cloud, alone))
                    print(f"cloud {cloud:.2f} s   bare QEMU {alone:.2f} s   {cloud / alone:.2f}")
        finally:
            bench.close()
    ratio = statistics.median(c / b for c, b in pairs)
    print(f"{os.cpu_count()} CPUs, {accelerator}: server create → SSH, median ratio {ratio:.2f}")
    print("bound: at most 1.3")
    return 0


if __name__ == "__main__":
    sys.exit(main())
