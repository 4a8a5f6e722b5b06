"""A guest without a machine: a network namespace behind a host's tap, as QEMU would sit there."""

import fcntl
import os
import select
import socket
import struct
import threading
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from uuid import uuid4

from ovn_daemons import inside, sh

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000


def _open_tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


@dataclass
class Lease:
    """What DHCP gave: the address, its options by number, and the routes of option 121."""

    ip: str
    options: dict[int, bytes] = field(default_factory=dict)

    @property
    def prefix(self) -> int:
        return bin(int.from_bytes(self.options[1])).count("1")

    @property
    def routes(self) -> list[tuple[str, str]]:
        raw, found = self.options.get(121, b""), []
        while raw:
            length = raw[0]
            octets = (length + 7) // 8
            to = raw[1 : 1 + octets].ljust(4, b"\0")
            via = raw[1 + octets : 5 + octets]
            found.append((f"{ip_address(to)}/{length}", str(ip_address(via))))
            raw = raw[5 + octets :]
        return found


class Guest:
    """Frames go from the plugged tap to eth0 in a namespace of the guest's own, and back."""

    def __init__(self, tap: str, mac: str, mtu: int = 1442) -> None:
        self.name = f"gu{uuid4().hex[:8]}"
        self.mac = mac
        sh("ip", "netns", "add", self.name)
        self._outer = _open_tap(tap)
        with inside(self.name):
            self._inner = _open_tap("eth0")
        for command in (
            "link set lo up",
            f"link set eth0 address {mac} mtu {mtu} up",
        ):
            sh("ip", "-n", self.name, *command.split())
        self._stop_in, self._stop_out = os.pipe()
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        while True:
            ready, _, _ = select.select([self._outer, self._inner, self._stop_in], [], [])
            if self._stop_in in ready:
                return
            for source in ready:
                target = self._inner if source == self._outer else self._outer
                try:
                    os.write(target, os.read(source, 65536))
                except (BlockingIOError, OSError):
                    continue  # a full queue or a device that is down: the frame is lost

    def __enter__(self) -> "Guest":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.write(self._stop_out, b".")
        self._thread.join()
        for each in (self._outer, self._inner, self._stop_in, self._stop_out):
            os.close(each)
        sh("ip", "netns", "del", self.name)

    def ip(self, *command: str) -> str:
        return sh("ip", "-n", self.name, *command)

    def configure(self, lease: Lease) -> None:
        """Take the address and the routes of the lease."""
        self.ip("addr", "add", f"{lease.ip}/{lease.prefix}", "dev", "eth0")
        for to, via in lease.routes:
            self.ip("route", "add", to, "via", via)

    def pings(self, address: str, count: int = 1, wait: int = 1, source: str = "") -> bool:
        with inside(self.name):
            return pings(address, count, wait, source)

    def says_over_tcp(self, address: str, port: int, text: bytes, seconds: float = 3) -> bytes:
        """Connect from the guest, send, and return all that comes back. TimeoutError if blocked."""
        with inside(self.name):
            connection = socket.create_connection((address, port), seconds)
        with connection:
            connection.settimeout(seconds)
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def echoes(self, port: int) -> "Echo":
        """Listen in the guest and send back what comes, with the caller's address before it."""
        with inside(self.name):
            return Echo(port)

    def dhcp(self, seconds: float = 10) -> Lease:
        """Ask for an address as a DHCP client does, with raw packets."""
        with inside(self.name):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        wire.bind(("eth0", 0x0800))
        wire.settimeout(seconds)
        mac = bytes.fromhex(self.mac.replace(":", ""))
        asked = bytes([55, 6, 1, 3, 6, 26, 51, 121])
        with wire:
            wire.send(_dhcp(mac, bytes([53, 1, 1]) + asked))
            offer = _answer(wire, 2)
            want = bytes([50, 4]) + ip_address(offer.ip).packed + bytes([54, 4]) + offer.options[54]
            wire.send(_dhcp(mac, bytes([53, 1, 3]) + want + asked))
            return _answer(wire, 5)


class Echo:
    """A TCP server that answers each connection with `<caller> <what it said>`."""

    def __init__(self, port: int) -> None:
        self._listening = socket.create_server(("", port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, address = self._listening.accept()
            except OSError:
                return
            with connection:
                said = b"".join(iter(lambda c=connection: c.recv(65536), b""))
                connection.sendall(address[0].encode() + b" " + said)

    def __enter__(self) -> "Echo":
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def pings(address: str, count: int = 1, wait: int = 1, source: str = "") -> bool:
    """Whether an ICMP echo from the calling thread's namespace comes back, of `count` tries."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    ask, reply = (128, 129) if kind == socket.AF_INET6 else (8, 0)
    protocol = socket.IPPROTO_ICMPV6 if kind == socket.AF_INET6 else socket.IPPROTO_ICMP
    with socket.socket(kind, socket.SOCK_RAW, protocol) as wire:
        if source:
            wire.bind((source, 0))
        mark = os.urandom(4)
        for _ in range(count):
            body = struct.pack("!BBH", ask, 0, 0) + mark
            try:
                wire.sendto(struct.pack("!BBH", ask, 0, _checksum(body)) + mark, (address, 0))
            except OSError:
                return False  # no route, or the neighbour does not answer
            while select.select([wire], [], [], wait)[0]:
                packet = wire.recv(2048)
                icmp = packet[20:] if kind == socket.AF_INET else packet
                if icmp[0] == reply and icmp[4:8] == mark:
                    return True
    return False


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _dhcp(mac: bytes, options: bytes) -> bytes:
    body = struct.pack("!BBBBIHH16x", 1, 1, 6, 0, 0x50494C45, 0, 0) + mac.ljust(16, b"\0")
    body += bytes(192) + b"\x63\x82\x53\x63" + options + b"\xff"
    udp = struct.pack("!HHHH", 68, 67, 8 + len(body), 0) + body
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       bytes(4), b"\xff" * 4)  # fmt: skip
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return b"\xff" * 6 + mac + b"\x08\x00" + head + udp


def _answer(wire: socket.socket, kind: int) -> Lease:
    while True:
        frame = wire.recv(2048)
        if frame[23] != 17 or frame[34:38] != struct.pack("!HH", 67, 68):
            continue
        body = frame[42:]
        lease, rest = Lease(str(ip_address(body[16:20]))), body[240:]
        while rest and rest[0] != 255:
            if rest[0] == 0:
                rest = rest[1:]
                continue
            lease.options[rest[0]] = rest[2 : 2 + rest[1]]
            rest = rest[2 + rest[1] :]
        if lease.options.get(53) == bytes([kind]):
            return lease
