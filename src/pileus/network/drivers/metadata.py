"""Where metadata is answered on this host: a network namespace with a port in each network."""

import ctypes
import hashlib
import json
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from pileus.core.backend import Broken
from pileus.network.driver import MetadataHandler
from pileus.network.drivers.bridge import Bridge
from pileus.network.drivers.device import exists, remove, run
from pileus.network.drivers.metadata_http import MetadataHttp

ADDRESS = "169.254.169.254"
PORT = 80
_INNER = "meta0"
_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


def namespace_of(network_id: str) -> str:
    """The name of the network's namespace."""
    return f"ovnmeta-{network_id}"


def device_of(network_id: str) -> str:
    """The name of the namespace's end on the bridge; at most 15 characters, as Linux wants."""
    return "om" + hashlib.sha256(network_id.encode()).hexdigest()[:12]


class Metadata:
    """Namespaces and the server in them. What a former process left behind is taken over.

    `whole_checksums` is for a switch that cannot finish a checksum (OVS in user space).
    """

    def __init__(self, bridge: Bridge, handler: MetadataHandler, whole_checksums: bool) -> None:
        self._bridge = bridge
        self._whole_checksums = whole_checksums
        self._http = MetadataHttp(handler)
        self._lock = threading.Lock()
        for device, marks in bridge.attached("metadata").items():
            network_id = marks["pileus:network"]
            if _is_whole(namespace_of(network_id), device):
                self._http.serve(network_id, listen_in(namespace_of(network_id), PORT))
            else:
                self.drop(network_id)

    def serve(self, network_id: str, port_id: str, mac: str, cidrs: Sequence[str]) -> None:
        """Answer in the network, at 169.254.169.254 and at the addresses of `cidrs`."""
        with self._lock:
            namespace, device = namespace_of(network_id), device_of(network_id)
            self._ensure_namespace(namespace, device)
            run("ip", "-n", namespace, "link", "set", "dev", _INNER, "address", mac, "up")
            _ensure_addresses(namespace, [f"{ADDRESS}/32", *cidrs])
            if self._whole_checksums:
                run("ip", "netns", "exec", namespace, "ethtool", "-K", _INNER, "tx", "off")
            self._bridge.attach(device, "metadata", port_id, mac, network=network_id)
            if network_id not in self._http.networks():
                self._http.serve(network_id, listen_in(namespace, PORT))

    def drop(self, network_id: str) -> None:
        """Stop answering in the network and remove its namespace; not there is fine."""
        with self._lock:
            self._http.stop(network_id)
            self._bridge.detach(device_of(network_id))
            remove(device_of(network_id))
            if (_NAMESPACES / namespace_of(network_id)).exists():
                run("ip", "netns", "del", namespace_of(network_id))

    def networks(self) -> list[str]:
        """Networks in which it answers."""
        return self._http.networks()

    def close(self) -> None:
        """Stop answering; namespaces and ports stay for the next process."""
        self._http.close()

    def _ensure_namespace(self, namespace: str, device: str) -> None:
        if _is_whole(namespace, device):
            return
        if (_NAMESPACES / namespace).exists():
            # Half made, or its other end is gone: what is left of it serves nobody.
            self._http.stop(namespace.removeprefix("ovnmeta-"))
            run("ip", "netns", "del", namespace)
        run("ip", "netns", "add", namespace)
        run("ip", "-n", namespace, "link", "set", "dev", "lo", "up")
        self._bridge.detach(device)
        remove(device)
        run("ip", "link", "add", device, "type", "veth", "peer", "name", _INNER,
            "netns", namespace)  # fmt: skip
        run("ip", "link", "set", "dev", device, "up")


def _is_whole(namespace: str, device: str) -> bool:
    if not exists(device) or not (_NAMESPACES / namespace).exists():
        return False
    try:
        run("ip", "-n", namespace, "link", "show", "dev", _INNER)
    except Broken:
        return False
    return True


def _ensure_addresses(namespace: str, wanted: Sequence[str]) -> None:
    shown = json.loads(run("ip", "-n", namespace, "-j", "addr", "show", "dev", _INNER))
    have = {
        f"{address['local']}/{address['prefixlen']}"
        for address in shown[0]["addr_info"]
        if address["scope"] != "link" or address["family"] == "inet"
    }
    steps = [f"addr del {cidr} dev {_INNER}" for cidr in sorted(have - set(wanted))]
    for cidr in wanted:
        if cidr not in have:
            # OVN vouches for the address: there is nobody to ask whether it is taken.
            steps.append(f"addr add {cidr} dev {_INNER}" + (" nodad" if ":" in cidr else ""))
    if steps:
        run("ip", "-n", namespace, "-batch", "-", stdin="\n".join(steps) + "\n")


def listen_in(namespace: str, port: int) -> socket.socket:
    """A socket that listens inside a named network namespace. Raises Broken if it cannot."""
    result: list[socket.socket | OSError] = []

    def enter_and_listen() -> None:
        try:
            with open(_NAMESPACES / namespace) as there:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(there.fileno(), _CLONE_NEWNET) != 0:
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code))
            dual = socket.has_dualstack_ipv6()
            result.append(
                socket.create_server(
                    ("", port),
                    family=socket.AF_INET6 if dual else socket.AF_INET,
                    backlog=128,
                    dualstack_ipv6=dual,
                )
            )
        except OSError as error:
            result.append(error)

    # A namespace belongs to a thread: one that ends at once never has to find its way back.
    thread = threading.Thread(target=enter_and_listen, name=f"listen-{namespace}")
    thread.start()
    thread.join()
    made = result[0]
    if isinstance(made, OSError):
        raise Broken(f"cannot listen on port {port} in the network namespace {namespace}: {made}")
    return made
