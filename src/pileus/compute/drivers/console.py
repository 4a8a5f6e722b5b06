"""The file with what a guest wrote to its serial console."""

from pathlib import Path

LIMIT = 1 << 20  # bytes


def read_console(folder: Path) -> bytes:
    """What the guest wrote: at most the newest `LIMIT` bytes."""
    try:
        with (folder / "console.log").open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - LIMIT))
            return log.read()
    except FileNotFoundError:
        return b""


def bound_console(folder: Path) -> None:
    """Cut the log to its newest half once it is past twice the limit.

    QEMU keeps appending to the same file meanwhile, so a few bytes written during the cut may be
    lost; a guest that writes without end cannot fill the host's disk.
    """
    log = folder / "console.log"
    try:
        if log.stat().st_size <= 2 * LIMIT:
            return
        kept = read_console(folder)
        with log.open("r+b") as file:
            file.truncate(0)
        with log.open("ab") as file:
            file.write(kept)
    except FileNotFoundError:
        return
