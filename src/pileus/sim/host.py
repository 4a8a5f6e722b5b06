"""One simulated host: it joins, runs, and hangs up now and then."""

import asyncio
import contextlib
import random
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from ..agent import Identity, Upstairs
from ..agent.connection import Unreachable
from ..agent.join import join
from ..attendant import Attendant
from ..hosts import Refusal, Timing, Token, certificates
from ..machine import HostMachine, simulated_host
from .plan import Plan
from .weather import Weather

_TIMING = Timing()


class Shared:
    """What the hosts of one process have together."""

    def __init__(self, plan: Plan, pool: Executor) -> None:
        self.plan, self.pool = plan, pool
        self.token = Token.parse(plan.token) if plan.token else None
        self.images: Path = Path(plan.folder) / f"images-{plan.process}"
        self.connecting = asyncio.Semaphore(32)
        self.joining = asyncio.Semaphore(16)


class SimulatedHost:
    """A host of the fleet, for an event loop."""

    def __init__(self, name: str, shared: Shared) -> None:
        self.name, self._shared, self._plan = name, shared, shared.plan
        self._chance = random.Random(f"{shared.plan.seed} {name}")  # noqa: S311
        self._attendant: Attendant | None = None
        self.joined = False
        self.refusal = ""  # why it has ended

    @property
    def connected(self) -> bool:
        """Whether its agent has a session now."""
        return self._attendant is not None and self._attendant.link.connected.is_set()

    @property
    def trouble(self) -> str:
        """Why it is not connected."""
        return self.refusal or (self._attendant.link.trouble if self._attendant else "")

    @property
    def wire(self) -> int:
        """Bytes of messages on the present connection, both ways."""
        return 0 if self._attendant is None else self._attendant.link.wire

    async def run(self) -> None:
        """Until cancelled, or until the control plane will not have it."""
        try:
            identity = await self._identity()
            self.joined = True
            while True:
                self._attendant = self._agent(identity)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._stay()):
                        await self._attendant.run()
                self._attendant = None
                await asyncio.sleep(self._chance.uniform(0, self._plan.away))
        except Refusal as refusal:
            self.refusal = refusal.reason

    def _stay(self) -> float | None:
        """Seconds until it hangs up."""
        return self._chance.expovariate(self._plan.churn / 60) if self._plan.churn else None

    def _agent(self, identity: Identity) -> Attendant:
        plan, shared = self._plan, self._shared

        def machine(identity: Identity, upstairs: Upstairs) -> HostMachine:
            guests = identity.state / "simulated-guests.jsonl"
            made = simulated_host(identity.name, upstairs, guests, plan.vcpus, plan.memory_gb)
            if not plan.fail and not plan.delay:
                return made
            seed = f"{plan.seed} {identity.name}"
            disturbed = Weather(made.compute, seed, plan.fail, plan.delay)
            return replace(made, compute=disturbed)

        return Attendant(
            identity,
            shared.pool,
            make=machine,
            images=shared.images,
            resync=plan.resync,
            gate=shared.connecting,
        )

    async def _identity(self) -> Identity:
        plan, token = self._plan, self._shared.token
        failures = 0
        identity = Identity.begin(
            Path(plan.folder, self.name), self.name, plan.server, simulated=True
        )
        if token is not None and not _of(identity, token):
            # The folder is from another cloud, which is gone or was set up anew.
            identity.forget()
            (identity.state / "simulated-guests.jsonl").unlink(missing_ok=True)
            identity = Identity.begin(identity.state, self.name, plan.server, simulated=True)
        while not identity.certificate.exists():
            if token is None:
                raise Refusal(f"{self.name} has not joined yet: a --token of a fleet is needed.")
            try:
                async with self._shared.joining:
                    await join(identity, token, _TIMING)
            except Unreachable:
                failures += 1
                await asyncio.sleep(_TIMING.pause(failures))
        return identity


def _of(identity: Identity, token: Token) -> bool:
    """Whether the identity belongs to the cloud that made the token, or to none yet."""
    if not identity.certificate.exists():
        return True
    return certificates.fingerprint(identity.authority.read_text()) == token.fingerprint
