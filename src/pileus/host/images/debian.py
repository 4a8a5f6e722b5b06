"""The Debian image: Debian 12 with cloud-init and an SSH server, built by mmdebstrap."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

from pileus.host.images import debian_files, disk
from pileus.host.images.cache import built
from pileus.host.images.debs import BuildFailed, run, unpack

NAME = "pileus-debian-12"
RELEASE = "bookworm"
SIZE_MB = 1000  # fits a flavor with one GiB of disk, with room to spare; it grows at first boot
PACKAGES = (
    *("linux-image-cloud-amd64", "systemd-sysv", "dbus", "libpam-systemd", "systemd-resolved"),
    *("systemd-timesyncd", "udev", "kmod", "initramfs-tools", "zstd", "grub-pc", "e2fsprogs"),
    *("fdisk", "cloud-init", "cloud-guest-utils", "isc-dhcp-client", "openssh-server", "sudo"),
    *("iproute2", "iputils-ping", "netbase", "ca-certificates", "curl", "less", "procps"),
)
GRUB_MODULES = (
    *("biosdisk", "part_msdos", "ext2", "linux", "normal", "configfile", "boot", "echo", "test"),
    *("search", "search_fs_uuid", "search_label", "serial", "terminal", "gzio", "loadenv", "halt"),
    *("reboot", "minicmd", "ls", "cat", "regexp", "all_video"),
)
# Manuals and translations are a third of the size and nobody reads them in a throw-away guest.
LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")


def build(cache: Path, say: Callable[[str], None] = lambda _: None) -> Path:
    """The Debian image (qcow2) in `cache`, built when it is not there yet: a few minutes, as root.

    `say` hears a line at each step. Raises BuildFailed.
    """

    def make(folder: Path) -> None:
        if os.geteuid() != 0:
            raise BuildFailed("building the Debian image needs root: run it with sudo")
        work = folder / "work"
        work.mkdir()
        root, identity = work / "system", str(uuid.uuid4())
        _bootstrap(root, work, say)
        say("Debian image: putting the boot loader in")
        debs = unpack(list(disk.GRUB_PACKAGES), work)
        _finish(root, debs, identity)
        disk.grub_core(debs, GRUB_MODULES, None, work / "core")
        say("Debian image: writing the disk")
        disk.compose(root, debs, work / "core", "pileus-root", SIZE_MB, work / "raw", identity)
        disk.to_qcow2(work / "raw", folder / f"{NAME}.qcow2")
        shutil.rmtree(work)

    sources = (debian_files, disk)
    recipe = "\n".join(Path(str(source.__file__)).read_text() for source in sources)
    return built(cache, NAME, recipe + Path(__file__).read_text(), make) / f"{NAME}.qcow2"


def _bootstrap(root: Path, work: Path, say: Callable[[str], None]) -> None:
    early = work / "early"
    _write(early, debian_files.EARLY_FILES)
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
    command += [f"--include={','.join(PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    command += [f'--essential-hook=cp -a "{early}/." "$1"', *_proxies()]
    command += [RELEASE, str(root), *_sources()]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "TMPDIR": str(work)},
        )
    except FileNotFoundError as error:
        raise BuildFailed("mmdebstrap is not installed on this machine") from error
    lines: list[str] = []
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if line.startswith("I: "):
                say(f"Debian image: {line[3:].strip()}")
        if process.wait():
            tail = "\n".join(lines[-20:])
            raise BuildFailed(f"mmdebstrap failed ({process.returncode}):\n{tail}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _finish(root: Path, debs: Path, identity: str) -> None:
    for leftover in [*(root / "etc/ssh").glob("ssh_host_*"), root / "var/lib/dbus/machine-id"]:
        leftover.unlink(missing_ok=True)
    _write(root, debian_files.LATE_FILES)
    menu = debian_files.GRUB_MENU.format(uuid=identity, options=debian_files.KERNEL_OPTIONS)
    fstab = debian_files.FSTAB.format(uuid=identity)
    _write(root, {"boot/grub/grub.cfg": menu, "etc/fstab": fstab})
    shutil.copytree(debs / "usr/lib/grub/i386-pc", root / "boot/grub/i386-pc", dirs_exist_ok=True)
    run("systemctl", f"--root={root}", "enable", "systemd-networkd", "systemd-resolved", "ssh")


def _sources() -> list[str]:
    """The machine's own Debian sources of the release, so that its mirror is used."""
    wanted = '{"origin":"$(ORIGIN)","name":"$(CODENAME)","uri":"$(REPO_URI)","suite":"$(RELEASE)"}'
    found: dict[str, None] = {}
    for line in run(
        "apt-get", "indextargets", "--format", wanted, "Created-By: Packages"
    ).splitlines():
        source = json.loads(line)
        if source["origin"] == "Debian" and source["suite"].split("-")[0] == RELEASE:
            found[f"deb {source['uri']} {source['suite']} main"] = None
    standard = debian_files.LATE_FILES["etc/apt/sources.list"].splitlines()
    return list(found) or standard


def _proxies() -> list[str]:
    """The machine's apt proxies, as options: mmdebstrap does not read its configuration."""
    settings = run("apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy")
    return [
        f"--aptopt={line}" for line in settings.splitlines() if '"' in line and '""' not in line
    ]


def _write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
