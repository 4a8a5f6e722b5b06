"""Tokens: issued, opened, understood, kept while nothing has changed."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from ..config import Config
from ..core.db import Database, Tx
from ..core.errors import Unauthorized
from ..core.policy import Credentials
from . import delegation, revision, standing
from .catalog import Catalog, catalog
from .credential_keys import CredentialKeys
from .delegation import Loan
from .federation import standing as federation
from .jws import Jws
from .keys import Keys
from .ldap.check import Directories
from .ldap.sync import STORED
from .passwords import Passwords
from .payload import FREE, Payload, Scope, Ties, new_audit_id, pack, unpack
from .remembered import Remembered
from .rows import ApplicationCredential, Project
from .settings import read as read_settings
from .standing import Named, Person, Roles

_MOST = 20_000  # tokens that are remembered, some kilobytes each
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def refused() -> Unauthorized:
    """The one answer to every failed login: it does not say what was wrong."""
    return Unauthorized("The request you have made requires authentication.")


@dataclass(frozen=True)
class Understood:
    """A valid token and what it means at one revision."""

    payload: Payload
    user: Person
    target: Named | None  # the project or domain, or the system
    roles: dict[str, str]  # names by id, implied ones included
    credential: ApplicationCredential | None
    loan: Loan | None
    service_providers: list[dict[str, str]]
    revision: int
    credentials: Credentials


@dataclass(frozen=True)
class _Snapshot:
    """What tokens share, as it stood at one revision; the maps are filled as they are asked for.

    Only what is there is remembered: a thing that is made later need not change the revision.
    """

    revision: int
    roles: Roles
    catalog: Catalog
    service_providers: list[dict[str, str]]
    people: dict[str, Person] = field(default_factory=dict)
    targets: dict[Scope, Named] = field(default_factory=dict)
    projects: dict[tuple[str, str], str] = field(default_factory=dict)  # by domain and name
    held: dict[tuple[str, Scope], dict[str, str]] = field(default_factory=dict)


class Tokens:
    """Issues tokens and says what they mean.

    What a token means is remembered with the identity revision of the transaction that worked it
    out, and is used only while the database still has that revision (see `revision`): revoking,
    disabling or changing a grant holds at once, in every process.
    """

    def __init__(self, db: Database, config: Config) -> None:
        """Raises ValueError for a key file or a file of settings that cannot be read as one."""
        self.settings = read_settings(config.identity_file)
        self.late = float(self.settings.token.allow_expired_window)  # seconds
        self.life = config.token_hours * 3600.0  # seconds
        self.hours = (self.life + self.late) / 3600  # for which a token may be of any use
        self.passwords = Passwords()
        self.passwords.elsewhere[STORED] = Directories(db).matches
        self._db = db
        self.keys = Keys(config.shared / "fernet-keys")
        self.credential_keys = CredentialKeys(config.shared / "credential-keys")
        signed = config.shared / "jws-keys"
        self._signs = self.settings.token.provider == "jws"
        self.jws = Jws(signed) if self._signs or signed.exists() else None
        self._reader = revision.Reader(db)
        self._kept: dict[str, Understood] = {}
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None

    def authenticate(self, token: str, service: str = "") -> Credentials:
        """Who is behind a token. Raises Unauthorized.

        service: a token with the role `service`, by which work goes on under one that expired.
        """
        try:
            return self.see(token).credentials
        except Unauthorized:
            if not service or "service" not in self.see(service).credentials.roles:
                raise
        return self.see(token, self.late).credentials

    def see(self, token: str, late: float = 0.0, caller: str = "") -> Understood:
        """What a token means now, without a transaction where that is known; as `understand`.

        caller: a token that was understood a moment ago, in this same call: at its revision no
        other question to the database is needed.
        """
        kept, asking = self._kept.get(token), self._kept.get(caller)
        if kept is not None and kept.payload.expires > self._now() - late * 1e6:
            now = self._reader.now() if asking is None else asking.revision
            if kept.revision == now:
                return kept
        return self._db.read(lambda tx: self.understand(tx, token, late))

    def remembered(self) -> Remembered:
        """What is remembered of the revision that the database has now, to be read."""
        return Remembered(self._db.clock.now(), self._reader.now())

    def catalog(self, seen: int) -> Catalog:
        """The catalog at a revision that has just been seen, or at a later one."""
        found = self._snapshot
        if found is not None and found.revision == seen:
            return found.catalog
        return self._db.read(lambda tx: self.snapshot(tx, revision.current(tx)).catalog)

    def understand(self, tx: Tx, token: str, late: float = 0.0) -> Understood:
        """What a token means in this transaction. Raises Unauthorized.

        late: a token that expired less than so many seconds ago will do, too.
        """
        now = revision.current(tx)
        kept = self._kept.get(token)
        if kept is None or kept.revision != now:
            payload = self.open(token)
            if payload is None or self._revoked(tx, payload):
                raise refused()
            kept = self.meaning(tx, payload, now)
            if not revision.bumped(tx):
                self._keep(token, kept)
        if kept.payload.expires <= self._now() - late * 1e6:
            raise refused()
        return kept

    def open(self, token: str) -> Payload | None:
        """A token's payload, valid or not; None when it is none of ours.

        Tokens of both forms are read, so that changing the setting logs nobody out.
        """
        if "." in token:
            return self.jws.open(token) if self.jws is not None else None
        data = self.keys.open(token)
        return None if data is None else unpack(data)

    def issue(
        self,
        tx: Tx,
        user_id: str,
        methods: Iterable[str],
        scope: Scope,
        parent: Payload | None = None,
        ties: Ties = FREE,
        expires: datetime | None = None,
    ) -> tuple[str, Understood]:
        """A new token. Raises Unauthorized when the user has no role on what it is to be for.

        parent: the token that it is made from, whose expiry and audit chain it keeps.
        expires: it ends no later than this.
        """
        now = micros(tx.now)
        end = parent.expires if parent else now + int(self.life * 1e6)
        own = new_audit_id()
        payload = Payload(
            user_id,
            tuple(methods),
            scope,
            now,
            end if expires is None else min(end, micros(expires)),
            (own, parent.audit_ids[-1]) if parent else (own,),
            revision.current(tx),
            ties,
        )
        found = self.meaning(tx, payload, payload.revision)
        if found.loan is not None and found.loan.expires is not None:
            end = min(payload.expires, micros(found.loan.expires))
            payload = msgspec.structs.replace(payload, expires=end)
            found = replace(found, payload=payload)
        signing = self.jws if self._signs else None
        token = signing.seal(payload) if signing is not None else self.keys.seal(pack(payload))
        if not revision.bumped(tx):
            self._keep(token, found)
        return token, found

    def meaning(self, tx: Tx, payload: Payload, now: int) -> Understood:
        """What a payload means by today's rows. Raises Unauthorized when it means nothing."""
        scope = payload.scope
        shared = self.snapshot(tx, now)
        user = self.person(tx, shared, payload.user_id)
        target = None if scope.kind == "unscoped" else self._target(tx, shared, scope)
        if user is None or (scope.kind != "unscoped" and target is None):
            raise refused()
        credential, loan = self._credential(tx, payload), self._loan(tx, shared, payload)
        groups: tuple[str, ...] | None = ()
        if payload.ties.federated is not None:
            groups = federation.groups(tx, payload.ties.federated)
        if groups is None:
            raise refused()
        roles: dict[str, str] = {}
        if scope.kind != "unscoped":
            lender = loan.lender_id if loan else user.id
            roles = self._held(tx, shared, lender, scope, groups)
            if credential is not None:
                wanted = shared.roles.closure(credential.role_ids)
                roles = {k: v for k, v in roles.items() if k in wanted}
            if loan is not None:
                wanted = shared.roles.closure(loan.role_ids)
                roles = wanted if wanted.keys() <= roles.keys() else {}
            if not roles:
                raise refused()
        who = _credentials(payload, user, target, roles, credential, groups)
        others = shared.service_providers
        return Understood(payload, user, target, roles, credential, loan, others, now, who)

    def snapshot(self, tx: Tx, now: int) -> _Snapshot:
        """Roles and catalog at this revision."""
        found = self._snapshot
        if found is None or found.revision != now:
            others = federation.service_providers(tx)
            found = _Snapshot(now, standing.roles(tx), catalog(tx), others)
            if not revision.bumped(tx):
                self._snapshot = found
        return found

    def person(self, tx: Tx, shared: _Snapshot, user_id: str) -> Person | None:
        """The user, when it and its domain are enabled."""
        found = shared.people.get(user_id) or standing.user(tx, user_id)
        if found is not None:
            _remember(shared.people, user_id, found)
        return found

    def project_id(self, tx: Tx, domain_id: str, name: str) -> str | None:
        """The id of the project of this name in a domain."""
        shared = self.snapshot(tx, revision.current(tx))
        found = shared.projects.get((domain_id, name))
        if found is None and (row := tx.one(Project, domain_id=domain_id, name=name)) is not None:
            found = row.id
            _remember(shared.projects, (domain_id, name), found)
        return found

    def _target(self, tx: Tx, shared: _Snapshot, scope: Scope) -> Named | None:
        found = shared.targets.get(scope) or standing.target(tx, scope)
        if found is not None:
            _remember(shared.targets, scope, found)
        return found

    def _held(
        self, tx: Tx, shared: _Snapshot, user_id: str, scope: Scope, groups: tuple[str, ...]
    ) -> dict[str, str]:
        """The names of the roles that a user has there, by id, implied ones included.

        groups: the user is in these, too, by a federated login.
        """
        if groups:
            return shared.roles.closure(standing.held(tx, user_id, scope, groups))
        found = shared.held.get((user_id, scope))
        if found is None:
            found = shared.roles.closure(standing.held(tx, user_id, scope))
            _remember(shared.held, (user_id, scope), found)
        return found

    def close(self) -> None:
        """Give back the database connection that is kept for the revision."""
        self._reader.close()

    def _credential(self, tx: Tx, payload: Payload) -> ApplicationCredential | None:
        if not payload.ties.application_credential_id:
            return None
        found = tx.get(ApplicationCredential, payload.ties.application_credential_id)
        if found is None or (found.expires_at is not None and found.expires_at <= tx.now):
            raise refused()
        return found

    def _loan(self, tx: Tx, shared: _Snapshot, payload: Payload) -> Loan | None:
        """What the user was lent, while both who lent it and who was lent it are still there."""
        if payload.ties is FREE:
            return None
        try:
            loan = delegation.lent(tx, payload.ties)
        except KeyError:
            raise refused() from None
        if loan is None:
            return None
        ended = loan.expires is not None and loan.expires <= tx.now
        people = {loan.lender_id, loan.borrower_id} - {payload.user_id}
        if ended or not all(self.person(tx, shared, one) for one in people):
            raise refused()
        return loan

    def _revoked(self, tx: Tx, payload: Payload) -> bool:
        subjects = [f"audit:{payload.audit_ids[0]}", f"user:{payload.user_id}"]
        if payload.ties.trust_id:
            subjects.append(f"trust:{payload.ties.trust_id}")
        if payload.scope.id:
            subjects.append(f"{payload.scope.kind}:{payload.scope.id}")
        return self.revoked(tx, payload.revision, subjects)

    def revoked(self, tx: Tx, since: int, subjects: list[str]) -> bool:
        """Whether one of the subjects was revoked after this revision."""
        return tx.exists(
            revision.Revocation,
            revision.Revocation.subject.in_(subjects),
            revision.Revocation.revision > since,
        )

    def _keep(self, token: str, found: Understood) -> None:
        kept = self._kept
        if len(kept) >= _MOST:
            with self._lock:
                for old in list(kept)[: _MOST // 10]:
                    kept.pop(old, None)
        kept[token] = found

    def _now(self) -> int:
        return micros(self._db.clock.now())


def micros(moment: datetime) -> int:
    """A moment as tokens have it: microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def _remember(known: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(known) >= _MOST:
        known.clear()
    known[key] = value


def written(micros: int) -> str:
    """Microseconds since 1970 as the identity API writes a time."""
    moment = datetime.fromtimestamp(micros // 10**6, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros % 10**6:06}Z"


def _credentials(
    payload: Payload,
    user: Named,
    target: Named | None,
    roles: dict[str, str],
    credential: ApplicationCredential | None,
    groups: tuple[str, ...],
) -> Credentials:
    kind = payload.scope.kind
    project = target if kind == "project" else None
    domain_id = payload.scope.id if kind == "domain" else ""
    extra: dict[str, Any] = {}
    if domain_id:
        extra["token.domain.id"] = domain_id
    if project is not None:
        extra["token.project.domain.id"] = project.domain_id
    if groups:
        extra["federated_groups"] = groups
    if payload.ties.trust_id:
        extra["trust_id"] = payload.ties.trust_id
    if payload.ties.access_token_id:
        extra["access_token_id"] = payload.ties.access_token_id
    if credential is not None:
        extra["application_credential"] = credential.id
        extra["restricted"] = not credential.unrestricted
        if credential.access_rules is not None:
            extra["access_rules"] = credential.access_rules
    return Credentials(
        user_id=user.id,
        user_name=user.name,
        user_domain_id=user.domain_id,
        project_id=project.id if project else "",
        project_domain_id=project.domain_id if project else "",
        domain_id=domain_id,
        system=kind == "system",
        roles=frozenset(name.lower() for name in roles.values()),
        extra=extra,
    )
