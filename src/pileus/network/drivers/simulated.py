"""A data plane in memory: the same promises as OVN, without packets, and able to fail when told."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import takewhile

from pileus.core.backend import Refused
from pileus.network.driver import Change, Key, MetadataHandler, SwitchPort, Thing
from pileus.network.drivers.journal import Journal, Plugged

_REMEMBERED = 10_000  # ports whose last change is known


class Faults:
    """What has been arranged to go wrong. `sleep` is what a lag waits with."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._failures: dict[str, list[Exception]] = {}
        self._lags: dict[str, float] = {}

    def fail_next(self, operation: str, exception: Exception) -> None:
        """The next call of the operation, named as its method, raises this and does nothing."""
        self._failures.setdefault(operation, []).append(exception)

    def lag(self, operation: str, seconds: float) -> None:
        """Every call of the operation takes this much longer from now on; 0 ends it."""
        self._lags[operation] = seconds

    def meet(self, operation: str) -> None:
        """Called at the start of each operation."""
        if seconds := self._lags.get(operation):
            self._sleep(seconds)
        if waiting := self._failures.get(operation):
            raise waiting.pop(0)


class SimulatedNetwork:
    """A NetworkDriver. A guest port is up once it is applied and plugged, in whichever order.

    With a `journal`, other processes apply to it and plug into it too.
    """

    name = "simulated"

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, journal: Journal | None = None
    ) -> None:
        self._journal = journal
        self.faults = Faults(sleep)
        self.fail_next = self.faults.fail_next
        self.lag = self.faults.lag
        self._lock = threading.Lock()
        self._standing: dict[Key, tuple[int, Thing]] = {}
        self._ports_of: dict[str, set[str]] = {}
        self._plugged: dict[str, str] = {}
        self._up: dict[str, str] = {}
        self._changes = 0  # how often `_up` has changed
        self._moved: dict[str, int] = {}  # port → the change that was its last, the newest last
        self._forgotten = 0  # the newest change that is not in `_moved` any more
        self._callback: Callable[[], None] = lambda: None

    def revisions(self) -> Mapping[Key, int]:
        """What stands there, and at which revision."""
        self.faults.meet("revisions")
        with self._lock:
            self._catch_up()
            return {key: revision for key, (revision, _) in self._standing.items()}

    def things(self) -> Mapping[Key, Thing]:
        """What stands there, for a test to look at."""
        with self._lock:
            return {key: thing for key, (_, thing) in self._standing.items()}

    def apply(self, changes: Sequence[Change]) -> None:
        """Make every change, or none. Raises Refused for a port on a network that is nowhere."""
        self.faults.meet("apply")
        last = {change.key: change for change in changes}
        with self._lock:
            was = self._changes
            self._catch_up()
            for change in last.values():
                if isinstance(change.thing, SwitchPort):
                    self._check(change.thing, last)
            # What goes comes first.
            ordered = sorted(last.values(), key=lambda change: change.thing is not None)
            if self._journal is None:
                for change in ordered:
                    self._make(change)
            else:
                self._journal.applied(ordered)
                self._catch_up()
            changed = was != self._changes
        if changed:
            self._callback()

    def _check(self, port: SwitchPort, last: Mapping[Key, Change]) -> None:
        key: Key = ("switch", port.network_id)
        there = last[key].thing is not None if key in last else key in self._standing
        if not there:
            raise Refused(
                f"port {port.id} is on network {port.network_id}, which is neither there "
                "nor in the same batch: apply the network first or together"
            )

    def _ensure(self, key: Key, revision: int, thing: Thing) -> None:
        if isinstance(thing, SwitchPort):
            _, old = self._standing.get(key, (0, None))
            if isinstance(old, SwitchPort) and old.network_id != thing.network_id:
                self._ports_of[old.network_id].discard(thing.id)
            self._ports_of.setdefault(thing.network_id, set()).add(thing.id)
        self._standing[key] = (revision, thing)
        if key[0] == "port":
            self._refresh(key[1])

    def _forget(self, key: Key) -> None:
        _, thing = self._standing.pop(key, (0, None))
        if isinstance(thing, SwitchPort):
            self._ports_of.get(thing.network_id, set()).discard(thing.id)
            self._refresh(thing.id)
        if key[0] == "switch":
            for port in self._ports_of.pop(key[1], set()):
                self._standing.pop(("port", port), None)
                self._refresh(port)

    def _refresh(self, port_id: str) -> None:
        _, thing = self._standing.get(("port", port_id), (0, None))
        host = self._plugged.get(port_id)
        was = self._up.get(port_id)
        if isinstance(thing, SwitchPort) and thing.kind == "guest" and host is not None:
            self._up[port_id] = host
        else:
            self._up.pop(port_id, None)
        if was != self._up.get(port_id):
            self._changes += 1
            self._moved.pop(port_id, None)
            self._moved[port_id] = self._changes
            if len(self._moved) > _REMEMBERED:
                oldest = next(iter(self._moved))
                self._forgotten = self._moved.pop(oldest)

    def plugged(self, port_id: str, host: str, gone: bool = False) -> None:
        """A host says that it has plugged the port, or that it has unplugged it (`gone`)."""
        with self._lock:
            was = self._changes
            if self._journal is None:
                self._note(port_id, host, gone)
            else:
                self._journal.plugged(Plugged(port_id, host, gone))
                self._catch_up()
            changed = was != self._changes
        if changed:
            self._callback()

    def look(self) -> None:
        """Another process may have plugged something: call back when `ports_up` differs."""
        with self._lock:
            was = self._changes
            self._catch_up()
            changed = was != self._changes
        if changed:
            self._callback()

    def _catch_up(self) -> None:
        for entry in self._journal.news() if self._journal is not None else ():
            if isinstance(entry, Plugged):
                self._note(entry.port_id, entry.host, entry.gone)
            else:
                self._make(entry)

    def _make(self, change: Change) -> None:
        if change.thing is None:
            self._forget(change.key)
        else:
            self._ensure(change.key, change.revision, change.thing)

    def _note(self, port_id: str, host: str, gone: bool) -> None:
        if not gone:
            self._plugged[port_id] = host
        elif self._plugged.get(port_id) == host:
            del self._plugged[port_id]
        self._refresh(port_id)

    def ports_up(self) -> Mapping[str, str]:
        """Guest ports that are applied and plugged → host."""
        self.faults.meet("ports_up")
        with self._lock:
            self._catch_up()
            return dict(self._up)

    def moved(self, since: int) -> tuple[int, Collection[str] | None]:
        """Ports that went up or down after the change of this number; None: too long ago."""
        self.faults.meet("moved")
        with self._lock:
            self._catch_up()
            if since < self._forgotten:
                return self._changes, None
            newest = reversed(self._moved.items())
            return self._changes, [port for port, _ in takewhile(lambda m: m[1] > since, newest)]

    def where(self, port_ids: Iterable[str]) -> Mapping[str, str]:
        """Those of these ports that are applied and plugged → host."""
        self.faults.meet("where")
        with self._lock:
            self._catch_up()
            return {port: self._up[port] for port in port_ids if port in self._up}

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call this, from the thread that made the change, when `ports_up` differs."""
        self._callback = callback

    def close(self) -> None:
        """Nothing to let go of."""


class SimulatedHostNetwork:
    """A HostNetwork of one host, which plugs into the given SimulatedNetwork."""

    name = "simulated"

    def __init__(
        self,
        host: str,
        network: SimulatedNetwork,
        handler: MetadataHandler,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.faults = Faults(sleep)
        self.fail_next = self.faults.fail_next
        self.lag = self.faults.lag
        self._host = host
        self._network = network
        self._handler = handler
        self._lock = threading.Lock()
        self._taps: dict[str, str] = {}
        self._metadata: dict[str, tuple[str, ...]] = {}

    def plug(self, port_id: str, tap: str, mac: str, mtu: int) -> None:
        """The port is on this host from now on."""
        self.faults.meet("plug")
        with self._lock:
            self._taps[port_id] = tap
        self._network.plugged(port_id, self._host)

    def reserve(self, port_id: str, tap: str, mac: str, mtu: int) -> None:
        """The port will be on this host."""
        self.faults.meet("reserve")
        with self._lock:
            self._taps[port_id] = tap

    def unplug(self, port_id: str, tap: str) -> None:
        """The port is on no host, unless another one has plugged it meanwhile."""
        self.faults.meet("unplug")
        with self._lock:
            known = self._taps.pop(port_id, None)
        if known is not None:
            self._network.plugged(port_id, self._host, gone=True)

    def plugged(self) -> Mapping[str, str]:
        """Ports on this host → tap."""
        self.faults.meet("plugged")
        with self._lock:
            return dict(self._taps)

    def serve_metadata(self, network_id: str, port_id: str, mac: str, cidrs: Sequence[str]) -> None:
        """Let `ask` answer in the network."""
        self.faults.meet("serve_metadata")
        with self._lock:
            self._metadata[network_id] = tuple(cidrs)

    def drop_metadata(self, network_id: str) -> None:
        """Let `ask` answer no more in the network."""
        self.faults.meet("drop_metadata")
        with self._lock:
            self._metadata.pop(network_id, None)

    def metadata_networks(self) -> Sequence[str]:
        """Networks in which `ask` answers."""
        self.faults.meet("metadata_networks")
        with self._lock:
            return list(self._metadata)

    def ask(
        self, network_id: str, caller: str, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        """What a guest at `caller` in the network gets. ConnectionRefusedError if not served."""
        with self._lock:
            if network_id not in self._metadata:
                raise ConnectionRefusedError(f"no metadata is served in network {network_id}")
        return self._handler(network_id, caller, method, path, headers)

    def close(self) -> None:
        """Answer no more."""
        with self._lock:
            self._metadata.clear()
