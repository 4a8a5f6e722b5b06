"""A process of the fleet: `python -m pileus.sim.process`, its plan on standard input.

It says once a second on standard output how its hosts are, as a line of JSON, and ends by SIGTERM,
by SIGINT, and when its standard input ends: then whoever started it is gone.
"""

import asyncio
import contextlib
import json
import logging
import resource
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from ..core import garbage
from .host import Shared, SimulatedHost
from .plan import Plan

_THREADS, _THREADS_ASLEEP = 8, 128
_SAY = 1.0
_LOG = 4 << 20  # bytes


async def work(plan: Plan) -> None:
    """Run this process's hosts until told to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)
    threads = _THREADS_ASLEEP if plan.delay else _THREADS
    with ThreadPoolExecutor(threads, thread_name_prefix="hosts") as pool:
        shared = Shared(plan, pool)
        hosts = [SimulatedHost(name, shared) for name in plan.share()]
        running = [loop.create_task(host.run()) for host in hosts]
        while not stop.is_set():
            _say(hosts)
            for task in running:
                if task.done():
                    task.result()  # a refused host only ends; what else ends one is a fault
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _SAY)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        pool.shutdown(wait=True, cancel_futures=True)


def _say(hosts: list[SimulatedHost]) -> None:
    found: dict[str, Any] = {
        "joined": sum(host.joined for host in hosts),
        "connected": sum(host.connected for host in hosts),
        "refused": sum(bool(host.refusal) for host in hosts),
        "wire": sum(host.wire for host in hosts),
        "trouble": next((host.trouble for host in hosts if host.trouble), ""),
    }
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Read the plan and work."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    plan = msgspec.json.decode(sys.stdin.readline(), type=Plan)
    file = Path(plan.folder, f"log-{plan.process}.txt")
    handler = RotatingFileHandler(file, maxBytes=_LOG, backupCount=1)
    logging.basicConfig(level=logging.ERROR, handlers=[handler])
    garbage.seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(plan))


if __name__ == "__main__":
    main()
