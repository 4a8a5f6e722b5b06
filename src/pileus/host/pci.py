"""The PCI devices of this machine."""

from collections.abc import Iterator
from pathlib import Path

_DEVICES = Path("/sys/bus/pci/devices")


def devices(root: Path = _DEVICES) -> Iterator[tuple[str, str, str]]:
    """(address, vendor, product) of each, as 0000:81:00.0 and four hexadecimal digits.

    A device whose virtual functions are in use is left out: it cannot be given away under them.
    """
    if not root.is_dir():
        return
    for folder in sorted(root.iterdir()):
        if (folder / "virtfn0").is_symlink():
            continue
        try:
            vendor, product = ((folder / one).read_text().strip() for one in ("vendor", "device"))
        except OSError:
            continue  # it was unplugged just now
        yield folder.name, vendor.removeprefix("0x"), product.removeprefix("0x")
