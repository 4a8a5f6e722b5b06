import subprocess

import pytest

pytestmark = pytest.mark.real


def test_config_drive_gives_key_name_and_user_data_once(guest):
    drive = guest.config_drive(
        {
            "meta_data.json": {
                "uuid": "5c1b",
                "hostname": "one.novalocal",
                "public_keys": {"my.key": f"{guest.key}\n"},
            },
            "user_data": "#!/bin/sh\necho ran >> /root/ran\n",
        }
    )

    guest.boot("-drive", f"file={drive},if=virtio,format=raw,readonly=on")

    assert guest.ssh("hostname; cat /root/ran; whoami").split() == ["one", "ran", "root"]
    assert guest.ssh("whoami", user="tiny").strip() == "tiny"


def test_config_drive_as_cdrom_gives_a_static_address(guest):
    drive = guest.config_drive(
        {
            "meta_data.json": {"uuid": "5c1b", "public_keys": {"k": guest.key}},
            "network_data.json": {
                "links": [{"id": "tap0", "ethernet_mac_address": "52:54:00:12:34:56", "mtu": 1442}],
                "networks": [
                    {
                        "id": "network0",
                        "type": "ipv4",
                        "link": "tap0",
                        "ip_address": "10.0.2.15",
                        "netmask": "255.255.255.0",
                        "routes": [
                            {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.2.2"}
                        ],
                    }
                ],
                "services": [{"type": "dns", "address": "10.0.2.3"}],
            },
        }
    )

    guest.boot("-drive", f"file={drive},if=ide,media=cdrom,format=raw,readonly=on")

    seen = guest.ssh("ip route; cat /sys/class/net/eth0/mtu /etc/resolv.conf; ps")
    assert "default via 10.0.2.2" in seen
    assert "1442\nnameserver 10.0.2.3" in seen
    assert "udhcpc" not in seen


def test_metadata_service_gives_key_and_name(guest):
    forward = guest.metadata(
        {
            "latest/meta-data/instance-id": "i-1",
            "latest/meta-data/hostname": "two.novalocal",
            "latest/meta-data/public-keys": "0=my key",
            "latest/meta-data/public-keys/0/openssh-key": guest.key,
            "latest/user-data": "#!/bin/sh\necho ran >> /root/ran\n",
        }
    )

    guest.boot(network=",net=169.254.0.0/16" + forward)

    assert guest.ssh("hostname; cat /root/ran").split() == ["two", "ran"]


def test_power_button_shuts_down(guest):
    guest.boot()

    # A press before the guest listens to its button is lost, as with any machine: press again.
    for _ in range(12):
        guest.press_power()
        try:
            guest.process.wait(10)
            break
        except subprocess.TimeoutExpired:
            continue

    assert guest.process.returncode == 0
    assert "power button" in guest.text
