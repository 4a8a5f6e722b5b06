from pathlib import Path

import pytest

from pileus.host import accelerator
from pileus.host.images.tiny import Tiny


def test_no_device_means_emulation_and_no_probe(tmp_path: Path):
    def unwanted() -> Tiny:
        raise AssertionError("there is nothing to probe")

    found = accelerator.verdict(tmp_path, unwanted, device=tmp_path / "kvm")

    assert found.accelerator == "tcg"
    assert "offers no KVM" in found.reason


def test_verdict_is_remembered_until_the_machine_reboots(tmp_path: Path):
    device = tmp_path / "kvm"
    nothing = Tiny(tmp_path, tmp_path, tmp_path)
    first = accelerator.verdict(tmp_path, lambda: nothing, device=device)
    device.touch()

    assert accelerator.verdict(tmp_path, lambda: nothing, device=device) == first


@pytest.mark.real
def test_probe_guest_boots_when_emulated(tiny_image: Tiny):
    assert isinstance(accelerator.boot_time(tiny_image, "tcg", 60), float)


@pytest.mark.real
def test_kernel_that_does_not_boot_is_told(tiny_image: Tiny, tmp_path: Path):
    broken = Tiny(tiny_image.disk, tmp_path / "missing", tiny_image.probe)

    assert "QEMU ended" in str(accelerator.boot_time(broken, "tcg", 30))
