"""The processes of a fleet, as whoever starts them sees them."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from .plan import Plan


class Fleet:
    """Starts the processes, hears how their hosts are, and ends them."""

    def __init__(self, plan: Plan) -> None:
        Path(plan.folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._plan = plan
        self._news: dict[int, dict[str, Any]] = {}
        self.processes = [self._started(number) for number in range(plan.processes)]

    def _started(self, number: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "pileus.sim.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for who started it, who then ends it
        )
        assert process.stdin is not None  # noqa: S101
        plan = msgspec.structs.replace(self._plan, process=number)
        process.stdin.write(msgspec.json.encode(plan).decode() + "\n")
        process.stdin.flush()
        threading.Thread(target=self._hear, args=(number, process), daemon=True).start()
        return process

    def _hear(self, number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            self._news[number] = json.loads(line)

    def count(self, what: str) -> int:
        """How many hosts are `joined`, `connected` or `refused`; bytes of messages as `wire`."""
        return sum(int(one[what]) for one in list(self._news.values()))

    @property
    def trouble(self) -> str:
        """What a host that is not connected says of it."""
        return next(
            (str(one["trouble"]) for one in list(self._news.values()) if one["trouble"]), ""
        )

    def ended(self) -> list[int]:
        """Exit statuses of processes that have ended by themselves."""
        return [code for one in self.processes if (code := one.poll()) is not None]

    def restart(self, number: int) -> None:
        """Start a process again that was killed."""
        self.processes[number].wait()
        self._news.pop(number, None)
        self.processes[number] = self._started(number)

    def stop(self, seconds: float = 30.0) -> None:
        """End all processes; their hosts' guests are kept in the folder."""
        for one in self.processes:
            if one.poll() is None:
                os.kill(one.pid, signal.SIGTERM)
        for one in self.processes:
            try:
                one.wait(seconds)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
