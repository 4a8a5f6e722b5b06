"""A simulated cloud whose control plane is killed and started again, with two hosts that joined."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pileus.cli.control import ask
from pileus.sim import Plan
from pileus.sim.fleet import Fleet

from ..campaign.wire import InDoubt, Tally, Wire
from ..login import login
from ..ports import free_port
from ..wait import until

_ROOT = Path(__file__).parents[2]
_SECRET = "killed-secret"
SEED = 5


class Site:
    """The cloud, and what is asked of it as the admin."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "cloud"
        self._port, agents = free_port(), free_port()
        self._environment = os.environ | {"PILEUS_ADMIN_PASSWORD": _SECRET}
        words = [
            "--simulate",
            "--seed",
            str(SEED),
            "--port",
            str(self._port),
            "--agent-listen",
            f"127.0.0.1:{agents}",
        ]
        self._pileus("up", *words, "--clouds-file", str(folder / "clouds.yaml"))
        many = ("--host", "sim", "--many", "2", "--quiet")
        token = self._pileus("agent", "token", "create", *many).strip()
        plan = Plan(f"127.0.0.1:{agents}", str(folder / "hosts"), "sim", 2, token=token)
        self._fleet = Fleet(plan)
        self._pileus("down")
        self._wire = Wire(self._port, Tally())
        self._process = self._start()
        body = login("admin", _SECRET)
        _, _, headers = self._wire.surely("POST", "/identity/v3/auth/tokens", body)
        self._wire.token = headers["x-subject-token"]
        self.networks = [{"uuid": self._network()}]
        self.made = 0  # servers
        self.connected()

    def _pileus(self, *words: str) -> str:
        command = [sys.executable, "-m", "pileus.cli", *words, "--state", str(self.state)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=200, env=self._environment
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "victim.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.killed.victim", str(self.state)]
            return subprocess.Popen(command, cwd=_ROOT, stdout=log, stderr=log)

    def _network(self) -> str:
        """A network with addresses; its id."""
        path = "/network/v2.0"
        body = {"network": {"name": "killed"}}
        made = self._wire.surely("POST", f"{path}/networks", body)[1]["network"]
        subnet = {"network_id": made["id"], "cidr": "10.66.0.0/16", "ip_version": 4}
        self._wire.surely("POST", f"{path}/subnets", {"subnet": subnet})
        return str(made["id"])

    # What is asked.

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body."""
        status, body, _ = self._wire.surely("GET", path)
        return status, body

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body; no answer is none that the caller needs."""
        try:
            status, found, _ = self._wire.call(method, path, body)
        except InDoubt:
            return 0, None
        assert status < 400 or status == 404, f"{method} {path}: {found}"
        return status, found

    def connected(self) -> None:
        """Wait until the hosts that joined are there."""
        until(lambda: self._fleet.count("connected") == 2, "both hosts to be connected")

    def audit(self) -> list[Any]:
        """What `pileus audit` finds."""
        found: list[Any] = ask(self.state, "/pileus/audit", 120)["findings"]
        return found

    # Life and death.

    def order(self, kind: str, moment: str = "") -> None:
        """Let the process die at this moment of the next flow of this kind; without one, watch."""
        (self.state / "met").unlink(missing_ok=True)
        (self.state / "kill").write_text(f"{kind} {moment}")

    def met(self) -> list[str]:
        """The moments that the flow has come to since the order."""
        file = self.state / "met"
        return list(dict.fromkeys(file.read_text().splitlines())) if file.exists() else []

    def dead(self) -> bool:
        """Whether the process has died."""
        return self._process.poll() is not None

    def dies(self) -> bool:
        """Whether it dies within a second."""
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            return False
        return True

    def live(self) -> None:
        """The next process, which nobody kills."""
        assert self._process.wait() == -signal.SIGKILL
        (self.state / "kill").unlink()
        self._process = self._start()
        self.connected()

    def close(self) -> None:
        """End everything."""
        self._process.kill()
        self._process.wait()
        self._fleet.stop()
