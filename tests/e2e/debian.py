"""A day with Debian guests: what somebody who logs in would look for.

One guest learns who it is from the metadata service and runs a shell script, the other from its
config drive and runs a #cloud-config. They boot at the same time, as an emulated guest is slow.
"""

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journey import Journey

BOOT_WAIT = 900.0  # emulated and on a busy machine; a tenth of it with real virtualisation
STOP_WAIT = 120.0
DISK_GB = 4
SCRIPT = "#!/bin/sh\necho the script ran > /var/tmp/script\n"
CLOUD_CONFIG = "#cloud-config\nwrite_files:\n- {path: /var/tmp/config, content: written}\n"
SERVICE, DRIVE = "e2e-deb", "e2e-drive"


class Debian:
    """The steps of two Debian guests; they use the journey's network, group and key."""

    def __init__(self, journey: "Journey") -> None:
        self._day, self._user = journey, journey.user
        self._address: dict[str, str] = {}

    def steps(self) -> list[Callable[[], None]]:
        """The steps, in order."""
        return [
            *(self.image, self.boot, self.metadata_guest, self.drive_guest, self.who_it_is),
            *(self.user_data, self.metadata_inside, self.root_disk, self.console),
            *(self.soft_reboot, self.clean_stop, self.hard_reboot),
        ]

    def image(self) -> None:
        """Debian: image create, flavor create"""
        self._user.run(
            *("image", "create", "--disk-format", "qcow2", "--container-format", "bare"),
            *("--file", str(self._day.image), "e2e-debian"),
        )
        size = ("--ram", "1024", "--disk", str(DISK_GB), "--vcpus", "1")
        self._day.admin.run("flavor", "create", *size, "e2e-small")

    def boot(self) -> None:
        """Debian: two servers with user data, each with a floating IP"""
        for name, text, more in (
            (SERVICE, SCRIPT, ()),
            (DRIVE, CLOUD_CONFIG, ("--use-config-drive",)),
        ):
            file = self._day.folder / name
            file.write_text(text)
            net = ("--network", "e2e-net", "--security-group", "e2e-group")
            words = (*net, "--user-data", str(file), *more)
            self._day.boot(name, "e2e-debian", *words, flavor="e2e-small")
            made = self._user.json("floating", "ip", "create", "public")
            self._address[name] = made["floating_ip_address"]
            self._user.run("server", "add", "floating", "ip", name, self._address[name])

    def metadata_guest(self) -> None:
        """Debian: ssh as debian, the key from the metadata service"""
        self._reach(SERVICE)

    def drive_guest(self) -> None:
        """Debian: ssh as debian, the key from the config drive"""
        self._reach(DRIVE)

    def who_it_is(self) -> None:
        """Debian: cloud-init is content, with the source meant; name and sudo as they should be"""
        for name, source in ((SERVICE, "OpenStackLocal|OpenStack "), (DRIVE, "ConfigDrive")):
            said = self._in(name, "cloud-init status --wait --long")
            assert "status: done" in said, said
            seen = self._in(name, "cat /run/cloud-init/result.json")
            assert re.search(source, seen) and json.loads(seen)["v1"]["errors"] == [], seen
            assert self._in(name, "hostname").strip() == name
            assert self._in(name, "sudo -n id -u").strip() == "0"
            addresses = self._in(name, "ip -4 -o address show dev eth0")
            shown = self._user.json("server", "show", name)["addresses"]["e2e-net"]
            assert f"{shown[0]}/24" in addresses, addresses

    def user_data(self) -> None:
        """Debian: the user data ran, a script and a #cloud-config"""
        assert self._in(SERVICE, "cat /var/tmp/script") == "the script ran\n"
        assert self._in(DRIVE, "cat /var/tmp/config") == "written"

    def metadata_inside(self) -> None:
        """Debian: the metadata service from inside, EC2's documents and OpenStack's"""
        shown = self._user.json("server", "show", SERVICE)
        ec2 = self._get("latest/meta-data/").split()
        assert {"instance-id", "hostname", "local-ipv4", "public-ipv4", "public-keys/"} <= set(ec2)
        assert self._get("latest/meta-data/hostname") == SERVICE
        assert self._get("latest/meta-data/local-ipv4") == shown["addresses"]["e2e-net"][0]
        assert self._get("latest/meta-data/public-ipv4") == self._address[SERVICE]
        assert self._get("latest/meta-data/public-keys/") == "0=e2e-key"
        key = self._day.key.with_suffix(".pub").read_text().strip()
        assert self._get("latest/meta-data/public-keys/0/openssh-key").strip() == key
        assert self._get("latest/user-data") == SCRIPT.strip()
        meta = json.loads(self._get("openstack/latest/meta_data.json"))
        assert (meta["uuid"], meta["name"]) == (shown["id"], SERVICE), meta
        assert self._get("openstack/latest/user_data") == SCRIPT.strip()
        network = json.loads(self._get("openstack/latest/network_data.json"))
        assert len(network["links"]) == len(network["networks"]) == 1, network
        assert isinstance(json.loads(self._get("openstack/latest/vendor_data.json")), dict)

    def root_disk(self) -> None:
        """Debian: the root file system has grown to the flavor's disk"""
        for name in (SERVICE, DRIVE):
            size = int(self._in(name, "df --output=size -B1M / | tail -1"))
            assert size > DISK_GB * 1024 * 0.9, f"{size} MiB of {DISK_GB} GiB"

    def console(self) -> None:
        """Debian: the ssh host keys are on the console; --lines gives so many"""
        whole = self._console()
        keys = re.search("BEGIN SSH HOST KEY KEYS-----(.*)-----END", whole, re.DOTALL)
        assert keys, whole[-3000:]
        inside = self._in(SERVICE, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
        assert inside in keys[1], keys[1]
        last = self._console("--lines", "5").strip("\n").splitlines()
        assert 0 < len(last) <= 5, last

    def soft_reboot(self) -> None:
        """Debian: server reboot --soft lets the guest shut down, and it comes up again"""
        before = self._boot_id()
        self._user.run("server", "reboot", "--soft", "--wait", SERVICE)
        self._reboots(before)
        # What was written without a sync is there only when the guest unmounted its disk.
        assert "Power down" in self._console(), self._console()[-3000:]

    def clean_stop(self) -> None:
        """Debian: server stop, by the power button and within its time"""
        self._user.run("server", "stop", DRIVE)
        self._day.until(lambda: self._day.status(DRIVE) == "SHUTOFF", "SHUTOFF", seconds=STOP_WAIT)
        said = self._user.run("console", "log", "show", DRIVE)
        assert "Power down" in said, said[-3000:]

    def hard_reboot(self) -> None:
        """Debian: server reboot --hard, and it comes up again"""
        before = self._boot_id()
        self._user.run("server", "reboot", "--hard", "--wait", SERVICE)
        self._reboots(before)

    def _reach(self, name: str) -> None:
        done = lambda: self._in(name, "hostname").strip() == name  # noqa: E731
        self._day.until(done, f"ssh to {name}", seconds=BOOT_WAIT, guest=name)

    def _boot_id(self) -> str:
        return self._in(SERVICE, "cat /proc/sys/kernel/random/boot_id")

    def _reboots(self, before: str) -> None:
        def again() -> Any:
            return self._boot_id() not in ("", before)

        self._day.until(again, "another boot", seconds=BOOT_WAIT, guest=SERVICE)

    def _console(self, *words: str) -> str:
        return self._user.run("console", "log", "show", *words, SERVICE)

    def _get(self, path: str) -> str:
        return self._in(SERVICE, f"curl -sf http://169.254.169.254/{path}").strip()

    def _in(self, name: str, command: str) -> str:
        return self._day.ssh_to(command, self._address[name], "debian")
