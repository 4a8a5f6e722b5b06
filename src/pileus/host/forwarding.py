"""The machine's forwarding between its networks: switched on for a cloud, and off after it."""

from pathlib import Path

from pileus.host.command import run
from pileus.host.place import Place

_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def switch_on(place: Place) -> None:
    """Let the machine forward, and remember when it was this cloud that switched it on."""
    if _FORWARD.read_text().strip() == "0":
        _record(place).touch()
        _FORWARD.write_text("1\n")


def switch_off(place: Place) -> None:
    """As it was before, if it was this cloud that switched it on and no other needs it."""
    if _record(place).exists():
        # Another cloud that came later found forwarding switched on, and still needs it.
        if "pileus_" not in run("nft", "list", "tables"):
            _FORWARD.write_text("0\n")
        _record(place).unlink()


def _record(place: Place) -> Path:
    return place.state / "ovs" / "ip_forward"
