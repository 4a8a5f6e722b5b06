"""The network of hosts that have joined: OVN's southbound database, open to them over TLS."""

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

from .core.db import Database
from .core.loop import Loop
from .host.chassis import Tls
from .host.ovn import Ovn
from .hosts import REMOVED, JoinedHost, signer

log = logging.getLogger(__name__)
_PERIOD, _RENEWED = 60.0, timedelta(days=1)


class SouthboundDoor:
    """Keeps the southbound database of this machine open to hosts with a certificate.

    The same authority signs for it that signs the hosts' certificates.
    """

    def __init__(self, db: Database, fabric: Ovn, address: str, port: int, folder: Path) -> None:
        self._db, self._fabric, self._folder = db, fabric, folder
        self._address, self._port = address, port
        self._authority, self._signed_at = "", datetime.min

    def loop(self) -> Loop:
        """The loop of every process with an OVN of its own."""
        loop = Loop("southbound", _PERIOD, self.work)
        self._db.listen(REMOVED, lambda _: loop.nudge())
        return loop

    def work(self) -> None:
        """Open it where it is not; with a fresh certificate every day. Raises HostError."""
        own = signer(self._db)
        now = self._db.clock.now()
        stale = abs(now - self._signed_at) > _RENEWED
        key, authority = self._folder / "southbound.pem", self._folder / "authority.pem"
        if stale or own.certificate != self._authority:
            signed, private = own.sign_control(now)
            _write(key, signed.pem + private)
            _write(authority, own.certificate)
            self._authority, self._signed_at = own.certificate, now
        self._fabric.admit(self._address, self._port, Tls(key, key, authority))
        self._forget_strangers()

    def _forget_strangers(self) -> None:
        """Forget hosts in OVN that are none of the cloud's: those that were removed for good."""
        known = self._db.read(lambda tx: {row.id for row in tx.all(JoinedHost)})
        for name in self._fabric.hosts() - known - {self._fabric.hostname}:
            log.warning("OVN knows a host %s that has not joined, or was removed: forgotten", name)
            self._fabric.forget_host(name)


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
