import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pileus.host.images import tiny

PATIENCE = 90


def wait_for(what: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, f"waited {patience} s in vain"
        time.sleep(0.05)


@dataclass
class Guest:
    """The tiny image in plain QEMU, with a network that reaches only this machine."""

    folder: Path
    image: tiny.Tiny
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @property
    def key(self) -> str:
        if not (self.folder / "key").exists():
            key = str(self.folder / "key")
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        return (self.folder / "key.pub").read_text().strip()

    def config_drive(self, files: dict[str, object]) -> Path:
        for name, content in files.items():
            path = self.folder / "drive" / "openstack" / "latest" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        drive = self.folder / "drive.iso"
        command = ["genisoimage", "-quiet", "-J", "-r", "-V", "config-2", "-o", str(drive)]
        subprocess.run([*command, str(self.folder / "drive")], check=True)
        return drive

    def metadata(self, answers: dict[str, str]) -> str:
        folder = self.folder / "metadata"
        folder.mkdir()
        for path, content in answers.items():
            (folder / path.replace("/", "!")).write_text(content)
        server = Path(__file__).parent / "metadata.py"
        return f",guestfwd=tcp:169.254.169.254:80-cmd:{sys.executable} {server} {folder}"

    def boot(self, *more: str, network: str = "") -> None:
        disk = self.folder / "disk.qcow2"
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2"]
        subprocess.run([*command, "-b", str(self.image.disk), str(disk)], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "Nehalem"]
        command += ["-m", "128", "-nodefaults", "-display", "none"]
        command += ["-drive", f"file={disk},if=virtio", "-serial", f"file:{self.console}"]
        command += ["-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{self.port}-:22{network}"]
        command += ["-device", "virtio-net-pci,netdev=n,romfile="]
        command += ["-monitor", f"unix:{self.folder / 'monitor'},server,nowait"]
        self.process = subprocess.Popen([*command, *more], stdin=subprocess.DEVNULL)
        wait_for(lambda: "login:" in self.text or self.process.poll() is not None)

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    @property
    def text(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def ssh(self, command: str, user: str = "root") -> str:
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        words = ["ssh", "-i", str(self.folder / "key"), "-p", str(self.port)]
        words += [word for option in options for word in ("-o", option)]
        words += [f"{user}@127.0.0.1", command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr + self.text
        return done.stdout

    def press_power(self) -> None:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.folder / "monitor"))
            _prompt(monitor)
            monitor.sendall(b"system_powerdown\n")
            _prompt(monitor)


def _prompt(monitor: socket.socket) -> None:
    """Read up to the monitor's next prompt: what is sent before it may be lost."""
    said = b""
    while not said.endswith(b"(qemu) "):
        more = monitor.recv(1000)
        assert more, said
        said += more
