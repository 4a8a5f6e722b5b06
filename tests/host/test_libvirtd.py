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
