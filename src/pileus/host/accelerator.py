"""Which accelerator guests should run under: hardware virtualisation where it really works."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pileus.host.daemon import boot_id
from pileus.host.images.tiny import PROBE_MARKER, Tiny
from pileus.host.place import Place
from pileus.host.readable import readable

_DEVICE = Path("/dev/kvm")


@dataclass(frozen=True)
class Verdict:
    """The accelerator to use, and why, in a sentence for people."""

    accelerator: Literal["kvm", "tcg"]
    reason: str


def verdict(
    state: Path, tiny: Callable[[], Tiny], device: Path = _DEVICE, patience: float = 8
) -> Verdict:
    """Decide between KVM and TCG, once per boot of the machine.

    That `device` exists proves nothing: some machines have one under which no guest comes up. So
    a probe guest, made of the tiny image's kernel, has to boot under KVM within `patience` seconds
    and faster than under TCG. `tiny` is asked for only when there is something to probe.
    """
    record = Place(state).state / "accelerator.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(record.read_text())
        if known["boot"] == boot_id():
            return Verdict(known["accelerator"], known["reason"])
    found = _probe(tiny, device, patience)
    record.parent.mkdir(parents=True, exist_ok=True)
    half = record.with_suffix(".new")
    half.write_text(json.dumps({"boot": boot_id(), **asdict(found)}) + "\n")
    half.rename(record)
    return found


def forget(state: Path) -> None:
    """Probe again at the next call of `verdict`."""
    (Place(state).state / "accelerator.json").unlink(missing_ok=True)


def _probe(tiny: Callable[[], Tiny], device: Path, patience: float) -> Verdict:
    if not device.exists():
        return Verdict("tcg", f"there is no {device}: this machine offers no KVM")
    if not os.access(device, os.R_OK | os.W_OK):
        return Verdict("tcg", f"{device} may not be opened by this user")
    image = tiny()
    kvm = boot_time(image, "kvm", patience)
    if isinstance(kvm, str):
        return Verdict("tcg", f"{device} exists, but a probe guest did not boot under it: {kvm}")
    # Where KVM takes under two seconds nothing emulated can win, so that need not be tried.
    tcg = boot_time(image, "tcg", patience) if kvm > 2 else None
    if isinstance(tcg, float) and tcg <= kvm:
        return Verdict(
            "tcg", f"a probe guest booted in {kvm:.1f} s under KVM and in {tcg:.1f} s emulated"
        )
    return Verdict("kvm", f"a probe guest booted in {kvm:.1f} s under KVM")


def boot_time(image: Tiny, accelerator: Literal["kvm", "tcg"], patience: float) -> float | str:
    """Seconds from the start of QEMU until a guest's user space speaks; a text: why it did not."""
    accel = ("kvm", "host") if accelerator == "kvm" else ("tcg,thread=single", "Nehalem")
    command = ["qemu-system-x86_64", "-accel", accel[0], "-cpu", accel[1], "-m", "128"]
    command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    command += ["-serial", "stdio", "-kernel", str(image.kernel), "-initrd", str(image.probe)]
    command += ["-append", "console=ttyS0 quiet panic=-1"]
    began = time.monotonic()
    guest = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return _marker_time(guest, began, patience)
    finally:
        guest.kill()
        guest.wait()


def _marker_time(guest: subprocess.Popen[bytes], began: float, patience: float) -> float | str:
    assert guest.stdout is not None  # noqa: S101 - for the type checker; the pipe was asked for
    seen = b""
    with guest.stdout as output:
        while (left := began + patience - time.monotonic()) > 0:
            if not readable(output.fileno(), left):
                break
            chunk = os.read(output.fileno(), 4096)
            if not chunk:
                said = seen.decode(errors="replace").strip().splitlines() or ["it said nothing"]
                return f"QEMU ended: {said[0]}"
            seen += chunk
            if PROBE_MARKER.encode() in seen:
                return time.monotonic() - began
    return f"nothing came from it in {patience:g} seconds"
