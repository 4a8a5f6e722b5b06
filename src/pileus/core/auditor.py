"""The auditor: looks at every invariant, remembers what it found, and repairs when asked."""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import partial

from .audit import Finding, Invariant, audit
from .db import Database
from .loop import Loop
from .metrics import Sample
from .parts import Parts

log = logging.getLogger(__name__)
_PASSES, _PASSES_AFTER_REPAIR = 3, 10
_PAUSE = 0.5
_TICK = 15.0  # seconds at most between two looks at whether an audit is due
_SETTLE = 60.0  # seconds after the start before the first, so that hosts have reported


@dataclass(frozen=True)
class Report:
    """What an audit found, and what it could not look at: a sentence each."""

    findings: Sequence[Finding]
    blind: Sequence[str] = ()


@dataclass(frozen=True)
class Repair:
    """What one repair did, or why it could not (`fault`)."""

    finding: Finding
    fault: str = ""


class Auditor:
    """One process's auditor. Its results are kept for the metrics, its news are logged once."""

    def __init__(self, invariants: Sequence[Invariant], parts: Parts) -> None:
        self._invariants, self._parts = invariants, parts
        self._db = parts[Database]
        self._lock = threading.Lock()  # one audit at a time
        self._known: dict[Finding, None] = {}
        self._blind: Sequence[str] = ()
        self._seconds = 0.0
        self._succeeded = 0.0
        self._due = 0.0

    def look(self, passes: int = _PASSES) -> Report:
        """Violations that last: what is merely under way is looked at again, `passes` times."""
        with self._lock:
            begun = self._db.clock.monotonic()
            report = self._look(passes)
            self._note(report, self._db.clock.monotonic() - begun)
        return report

    def repair(self) -> tuple[Report, list[Repair], Report]:
        """What was found, what was done about it, and what is left."""
        before = self.look()
        done = [self._mend(found) for found in before.findings if found.violation.does]
        return before, done, self.look(_PASSES_AFTER_REPAIR) if done else before

    def loop(self, seconds: float) -> Loop:
        """The loop that audits every so many seconds, in one process of all."""
        clock = self._db.clock
        self._due = clock.monotonic() + min(seconds, _SETTLE)

        def work() -> None:
            if clock.monotonic() >= self._due:
                self._due = clock.monotonic() + seconds
                self.look()

        return Loop("audit", min(seconds, _TICK), work, self._db, self._db.owner)

    def samples(self) -> Iterable[Sample]:
        """The gauges: how many violations stand, and when and how long it was looked."""
        with self._lock:
            standing = [found.id for found in self._known]
            seconds, succeeded = self._seconds, self._succeeded
        for id in dict.fromkeys(one.id for one in self._invariants):
            text = "Violations of an invariant at the last audit"
            yield Sample("pileus_audit_findings", standing.count(id), {"invariant": id}, text)
        yield Sample("pileus_audit_seconds", seconds, {}, "How long the last audit took")
        text = "When an audit last looked at everything"
        yield Sample("pileus_audit_last_success_timestamp_seconds", succeeded, {}, text)

    def _look(self, passes: int) -> Report:
        report = Report([])
        for attempt in range(passes):
            if attempt:
                threading.Event().wait(_PAUSE)
            again = self._once()
            standing = [f for f in again.findings if not attempt or f in report.findings]
            report = Report(standing, again.blind)
            if not report.findings and not report.blind:
                break
        return report

    def _once(self) -> Report:
        findings: list[Finding] = []
        blind = []
        for one in self._invariants:
            try:
                check = partial(audit, [one], self._parts)
                findings += dict.fromkeys(self._db.read(check))
            except Exception as problem:  # one that cannot look must not keep the others from it
                log.debug("the audit could not look", exc_info=True)
                blind.append(f"{one.id}: {one.sentence} This could not be looked at: {problem}")
        return Report(findings, blind)

    def _note(self, report: Report, seconds: float) -> None:
        """Log what has come and gone since the last time, and keep the figures."""
        now = dict.fromkeys(report.findings)
        for found in now.keys() - self._known.keys():
            log.error("audit: %s: %s", found.id, found.detail)
        for gone in self._known.keys() - now.keys():
            log.info("audit: %s: mended: %s", gone.id, gone.detail)
        for line in set(report.blind) - set(self._blind):
            log.error("audit: %s", line)
        self._known, self._blind, self._seconds = now, report.blind, seconds
        if not report.blind:
            self._succeeded = self._db.clock.now().replace(tzinfo=UTC).timestamp()

    def _mend(self, found: Finding) -> Repair:
        wrong = found.violation
        try:
            if wrong.rows is not None:
                self._db.run(wrong.rows)
            if wrong.outside is not None:
                wrong.outside()
        except Exception as problem:
            log.exception("audit: %s: the repair failed", found.id)
            return Repair(found, str(problem) or type(problem).__name__)
        log.info("audit: %s: %s: %s", found.id, found.detail, wrong.does)
        return Repair(found)
