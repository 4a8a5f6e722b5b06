"""A process that outlives the command that started it, and is found again by the next one."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pileus.host.place import HostError, Place
from pileus.host.readable import readable

# The process records itself before it becomes the daemon, so that no interruption of its starter
# can leave a daemon that nobody knows of. The pid and start time survive the exec.
_RECORD = 'read -r line </proc/$$/stat && printf "%s\\n" "$line" >"$0" && exec "$@"'


def boot_id() -> str:
    """The identity of this run of the machine's kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def listening(path: Path) -> bool:
    """Whether something accepts connections on the unix socket `path`."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log file; a note when there are none."""
    with contextlib.suppress(FileNotFoundError):
        text = log.read_text(errors="replace").splitlines()[-lines:]
        if text:
            return "\n".join(text)
    return "(the log is empty)"


def same_process(record: str) -> int | None:
    """The id of the process whose line of /proc/…/stat was `record`, if that very one lives."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        pid, started, _ = _identity(record)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # a dead child of this very process
        now_pid, now_started, state = _identity(Path(f"/proc/{pid}/stat").read_text())
        if (now_pid, now_started) == (pid, started) and state not in "ZX":
            return pid
    return None


@dataclass(frozen=True)
class Daemon:
    """One daemon of a cloud. Its log is `state`/log/`name`.log.

    `ready` says whether it serves yet; it is asked only while the process lives. `env` is added to
    the starter's environment.
    """

    place: Place
    name: str
    command: Sequence[str]
    ready: Callable[[], bool] = lambda: True
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.place.logs / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        # In the run folder: after a reboot no process of ours can be alive.
        return self.place.run / "pids" / self.name

    def pid(self) -> int | None:
        """Its process id; None when it does not run. A reused id is not mistaken for it."""
        with contextlib.suppress(FileNotFoundError):
            return same_process(self._record.read_text())
        return None

    def running(self) -> bool:
        """Whether the process lives."""
        return self.pid() is not None

    def start(self, timeout: float = 30) -> bool:
        """Start it unless it runs, and wait until it is ready; true when it had to be started.

        Raises HostError with the end of its log when it dies or is not ready after `timeout`
        seconds; nothing of it is left running then.
        """
        with self._alone():
            started = not self.running()
            if started:
                self._spawn()
            deadline = time.monotonic() + timeout
            while not (self.running() and self.ready()):
                if not self.running() or time.monotonic() > deadline:
                    self._fail(timeout)
                time.sleep(0.01)
        return started

    def stop(self, timeout: float = 15) -> bool:
        """End it: politely, after `timeout` seconds by force. True when it was running."""
        with self._alone():
            return self._end(timeout)

    def _spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._record.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _RECORD, str(self._record), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **self.env},
                start_new_session=True,
            )
        # Until the record is written the process is not to be found; that takes a millisecond.
        while child.poll() is None and not (self._record.exists() and self._record.read_text()):
            time.sleep(0.002)

    def _fail(self, timeout: float) -> None:
        if self.running():
            self._end(5)
            what = f"{self.name} was not ready after {timeout:g} seconds"
        else:
            what = f"{self.name} ended right after its start"
        raise HostError(f"{what}; the end of {self.log}:\n{tail(self.log)}")

    def _end(self, timeout: float) -> bool:
        pid = self.pid()
        if pid is not None:
            handle = os.pidfd_open(pid)
            try:
                for number, wait in ((signal.SIGTERM, timeout), (signal.SIGKILL, 10.0)):
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(handle, number)
                    if readable(handle, wait):
                        break
                else:
                    raise HostError(f"{self.name} (process {pid}) cannot be killed")
            finally:
                os.close(handle)
            self.pid()  # reaps it if it was a child of this process
        self._record.unlink(missing_ok=True)
        return pid is not None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two commands at once must not start it twice."""
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with self._record.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _identity(stat: str) -> tuple[int, str, str]:
    """Process id, start time in ticks since boot and state letter, from a line of /proc/…/stat."""
    head, rest = stat.rsplit(")", 1)
    fields = rest.split()
    return int(head.split(" ", 1)[0]), fields[19], fields[0]
