"""Network devices of this host: taps for guests and veth pairs into namespaces."""

import socket
import subprocess

from pileus.core.backend import Broken


def run(*command: str, stdin: str = "") -> str:
    """Run a system command; its output. Raises Broken with what the command said."""
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=30, check=False
        )
    except FileNotFoundError as error:
        raise Broken(f"{command[0]} is not installed: install iproute2 and ethtool") from error
    except subprocess.TimeoutExpired as error:
        raise Broken(f"`{' '.join(command)}` did not end within 30 s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise Broken(f"`{' '.join(command)}` failed: {said}")
    return done.stdout


def exists(device: str) -> bool:
    """Whether the host has a device of this name."""
    try:
        socket.if_nametoindex(device)
    except OSError:
        return False
    return True


def ensure_tap(device: str, mtu: int, whole_checksums: bool) -> None:
    """A tap that outlives this process, up, with the MTU; made if it is not there.

    `whole_checksums` switches transmit offload off, for a switch that cannot finish a checksum.
    """
    if not exists(device):
        run("ip", "tuntap", "add", "dev", device, "mode", "tap")
    run("ip", "link", "set", "dev", device, "mtu", str(mtu), "up")
    if whole_checksums:
        run("ethtool", "-K", device, "tx", "off")


def remove(device: str) -> None:
    """Remove the device; absent is fine."""
    if exists(device):
        try:
            run("ip", "link", "del", "dev", device)
        except Broken:
            if exists(device):
                raise
