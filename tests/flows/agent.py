"""An agent driven by hand: it acts only when it is told to, in the thread of the test."""

from collections.abc import Mapping
from typing import Any

from pileus import compute
from pileus.agent import LocalChannel
from pileus.core import desired
from pileus.core.backend import Busy
from pileus.core.db import Database
from pileus.core.desired import Report


class Agent:
    """One life of a host's agent; what it remembers is gone with it."""

    def __init__(self, db: Database, host: str, handlers: Mapping[str, Any]) -> None:
        self._db, self._host, self._handlers = db, host, handlers
        self._channel, self._seen = LocalChannel(db, host, {"guest": compute.observed}), 0

    def act(self) -> bool:
        """Make everything that changed so and report it; whether there was anything."""
        wanted = self._db.read(lambda tx: desired.since(tx, self._host, self._seen))
        for wish in wanted:
            handler, state = self._handlers[wish.kind], None
            try:
                if wish.spec is None:
                    handler.remove(wish.id)
                else:
                    state = handler.apply(wish.id, self._db.vault.opened(wish.spec))
            except Busy:
                return True  # looked at again, from this one on
            except Exception as problem:
                if wish.spec is None:
                    return True
                state = {"error": str(problem)}
            self._channel.report([Report(wish.kind, wish.id, wish.revision, state)])
            self._seen = max(self._seen, wish.revision)
        return bool(wanted)

    def look(self) -> None:
        """Look at everything again and report what is found."""
        with_specs = self._db.read(lambda tx: desired.since(tx, self._host, 0))
        for kind, handler in self._handlers.items():
            found = handler.observe()
            for wish in with_specs:
                if wish.kind == kind and wish.spec is not None:
                    state = found.get(wish.id, {"power": "absent"})
                    self._channel.report([Report(kind, wish.id, wish.revision, state)])
