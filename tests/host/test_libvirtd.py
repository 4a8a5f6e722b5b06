import subprocess
from pathlib import Path

import pytest
from tiny_guest import wait_for

from pileus.host.images import tiny
from pileus.host.libvirtd import Libvirtd

pytestmark = pytest.mark.real

DOMAIN = """
<domain type='qemu'><name>one</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<cpu mode='custom'><model>Nehalem</model></cpu>
<devices>
<disk type='file'><driver name='qemu' type='qcow2'/><source file='{disk}'/>
<target dev='vda' bus='virtio'/></disk>
<serial type='file'><source path='{console}'/></serial>
</devices></domain>"""


@pytest.fixture
def engine(tmp_path: Path):
    one = Libvirtd(tmp_path / ("a-long-name-for-a-state-directory" * 3))
    yield one
    one.kill_guests()
    one.uninstall()


def test_guest_survives_a_restart_and_is_found_again(engine, tiny_image: tiny.Tiny, tmp_path):
    libvirt = pytest.importorskip("libvirt", reason="no Python bindings of libvirt: `make host`")
    engine.start()
    disk, console = tmp_path / "disk", tmp_path / "console"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]
    subprocess.run([*command, str(tiny_image.disk), str(disk)], check=True)
    connection = libvirt.open(engine.uri)
    connection.createXML(DOMAIN.format(disk=disk, console=console))
    wait_for(lambda: console.exists() and "login:" in console.read_text())
    connection.close()
    process = engine.guests()["one"]

    engine.stop()
    assert engine.guests() == {"one": process}
    engine.start()

    connection = libvirt.open(engine.uri)
    assert connection.lookupByName("one").isActive()
    connection.close()
    assert engine.kill_guests() == ["one"]
    wait_for(lambda: not engine.guests())


def test_two_clouds_do_not_see_each_other(engine, tmp_path: Path):
    other = Libvirtd(tmp_path / "other")
    try:
        assert engine.start() and other.start()
        assert engine.uri != other.uri
        other.stop()
        assert engine.running()
    finally:
        other.uninstall()


def test_a_cloud_that_goes_leaves_another_one_what_it_sees(engine, tmp_path: Path):
    other = Libvirtd(tmp_path / "other")
    try:
        assert engine.start() and other.start()
        engine.uninstall()

        process = (other.place.run / "pids" / "libvirtd").read_text().split()[0]
        assert Path(f"/proc/{process}/root/var/lib/libvirt/qemu").exists()
    finally:
        other.uninstall()


def test_no_two_hosts_have_one_identity_and_each_keeps_its_own(engine, tmp_path: Path):
    """Else libvirt would take a guest's move to another machine for one to the same host."""

    def identity(one: Libvirtd) -> str:
        words = (one.place.state / "libvirt/etc/libvirtd.conf").read_text().splitlines()
        return next(line for line in words if line.startswith("host_uuid"))

    other = Libvirtd(tmp_path / "other")
    try:
        engine.start()
        other.start()
        first = identity(engine)
        assert first != identity(other)
        engine.stop()
        engine.start()
        assert identity(engine) == first
    finally:
        other.uninstall()
