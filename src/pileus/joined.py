"""The process that `pileus agent join` starts: one host's agent, until it is told to stop."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import uvloop

from . import logs
from .agent import Identity
from .agent.identity import NotJoined
from .attendant import Attendant, simulated_machine
from .host.place import HostError
from .hosts import Refusal
from .journal import begin
from .machine import real_host
from .pidfile import take

STATUS = "agent-status.json"
_WORKERS, _NOTED, _LOGS, _MEND = 4, 1.0, 60.0, 5.0
log = logging.getLogger(__name__)


def work(state: Path) -> None:
    """Be the agent of the host in `state` until SIGTERM or SIGINT.

    Exits with 1 when the control plane will not have this host any more, when `state` is no joined
    host's, or when what guests and networks need cannot be started. Raises Taken
    when another process is its agent.
    """
    lock = take(state)
    begin()
    try:
        identity = Identity.load(state)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(identity))
    except (NotJoined, Refusal, HostError) as wrong:
        log.error("this host's agent ends: %s", wrong)
        _note(state, False, str(wrong))
        sys.exit(1)
    finally:
        lock.close()


async def _work(identity: Identity) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="host") as pool:
        make = simulated_machine if identity.simulated else real_host
        attendant = Attendant(identity, pool, make=make)
        running = loop.create_task(attendant.run())
        noting = loop.create_task(_keep_noting(identity.state, attendant))
        mending = loop.create_task(_keep_whole(attendant, pool))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            noting.cancel()
            mending.cancel()
            await asyncio.gather(noting, mending, return_exceptions=True)
            attendant.machine.host_network.close()
    _note(identity.state, False, "the agent was stopped")


async def _keep_whole(attendant: Attendant, pool: Executor) -> None:
    """Start again what of this host's daemons has died."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_MEND)
        try:
            await loop.run_in_executor(pool, attendant.machine.mend)
        except Exception:  # whatever it raises: nothing else would start the daemons again
            log.exception("a daemon of this host cannot be started; trying again")


async def _keep_noting(state: Path, attendant: Attendant) -> None:
    """Keep the file up to date from which `pileus agent status` reads."""
    noted: tuple[bool, str] | None = None
    loop = asyncio.get_running_loop()
    bounded = loop.time()
    while True:
        if loop.time() - bounded > _LOGS:
            logs.bound(state / "log")
            bounded = loop.time()
        now = attendant.link.connected.is_set(), attendant.link.trouble
        if now != noted:
            _note(state, *now)
            noted = now
        await asyncio.sleep(_NOTED)


def _note(state: Path, connected: bool, trouble: str) -> None:
    new = state / f"{STATUS}.new"
    new.write_text(json.dumps({"connected": connected, "trouble": trouble}) + "\n")
    new.replace(state / STATUS)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
