"""What an idle host costs: many simulated hosts on one control plane, over real TLS.

    python bench/hosts.py [HOSTS]

Both sides are processes of their own; bytes are those of messages (TLS adds 22 to each).
"""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pileus.agent import Identity
from pileus.agent.join import join
from pileus.attendant import Attendant
from pileus.hosts import Timing, Token

IDLE = 60.0


def port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def used(pid: int) -> tuple[float, float]:
    """MB of memory and seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[21]) * 4096 / 1e6, (int(fields[11]) + int(fields[12])) / tick


class Control:
    """A simulated control plane in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.state, self.port, self.agents = folder / "cloud", port(), port()
        self.clouds = folder / "clouds.yaml"
        words = ["--simulate", "--port", str(self.port), "--clouds-file", str(self.clouds)]
        self.run("up", *words, "--agent-listen", f"127.0.0.1:{self.agents}")
        self.pid = int((self.state / "pileus.pid").read_text().split()[0])
        self.key = (self.state / "control.key").read_text()

    def run(self, *words: str) -> None:
        """Run a command of it."""
        command = [sys.executable, "-m", "pileus.cli", *words, "--state", str(self.state)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def ask(self, path: str, method: str) -> dict[str, object]:
        """What an operator's path answers."""
        url = f"http://127.0.0.1:{self.port}/pileus/{path}"
        request = urllib.request.Request(url, headers={"X-Pileus-Key": self.key}, method=method)
        with urllib.request.urlopen(request) as answer:
            found: dict[str, object] = json.load(answer)
            return found


async def measure(folder: Path, control: Control, count: int) -> None:
    """Let the hosts join and idle, and print the figures."""
    pool, gate = ThreadPoolExecutor(8), asyncio.Semaphore(32)
    before, _ = used(control.pid)
    begun = time.perf_counter()
    attendants, running = [], []
    for number in range(count):
        token = Token.parse(str(control.ask("agents/token", "POST")["token"]))
        name, server = f"host-{number:05}", f"127.0.0.1:{control.agents}"
        identity = Identity.begin(folder / name, name, server, simulated=True)
        await join(identity, token, Timing())
        attendants.append(Attendant(identity, pool, images=folder / "images", gate=gate))
    print(f"joined: {count / (time.perf_counter() - begun):.0f} hosts/s, one after the other")
    begun = time.perf_counter()
    running = [asyncio.create_task(one.run()) for one in attendants]
    await asyncio.gather(*(one.link.connected.wait() for one in attendants))
    print(f"connected: {count / (time.perf_counter() - begun):.0f} hosts/s, all at once")
    await asyncio.sleep(5)
    frames = [one.link._frames for one in attendants]
    start = sum(f.bytes_in + f.bytes_out for f in frames if f)
    memory, busy = used(control.pid)
    own = time.process_time()
    await asyncio.sleep(IDLE)
    told = sum(f.bytes_in + f.bytes_out for f in frames if f) - start
    _, busy_then = used(control.pid)
    minute = IDLE / 60
    print(f"idle host: {told / count / minute:.0f} bytes of messages a minute, both ways")
    print(f"control plane: {(memory - before) * 1000 / count:.0f} kB a host ({memory:.0f} MB)")
    print(f"control plane: {100 * (busy_then - busy) / IDLE:.1f} % of a core while all are idle")
    print(f"hosts' process: {100 * (time.process_time() - own) / IDLE:.1f} % of a core")
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    pool.shutdown()


def main() -> None:
    """Measure on a control plane of its own."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as name:
        control = Control(Path(name))
        try:
            asyncio.run(measure(Path(name), control, count))
        finally:
            control.run("down")


if __name__ == "__main__":
    main()
