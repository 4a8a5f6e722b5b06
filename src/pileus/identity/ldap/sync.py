"""Bring the rows of a domain to what its directory says.

The directory is read as a whole, with no transaction open; the rows follow in batches, each of
which may be repeated. Users and groups that the directory has no more are disabled or emptied and
not deleted: a wrong filter must not cost anybody their roles.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ...core.db import Database, Tx, chunks
from ...core.errors import BadRequest, Unavailable
from ...core.resource import Resource
from ...core.types import Where
from ..federation.shadow import public_id
from ..revision import bump, revoke
from ..rows import Group, Member, User
from . import config
from .directory import Directory, Person, Team
from .rows import Entry

log = logging.getLogger(__name__)
STORED = "ldap:"  # what stands in the place of a hash: the password is the directory's
_BATCH = 200


def all_domains(db: Database, hours: float) -> None:
    """Read every directory. hours: how long tokens live."""
    for domain_id in db.read(config.with_directories):
        try:
            one_domain(db, domain_id, hours)
        except Unavailable as away:
            log.warning("the directory of the domain %s: %s", domain_id, away.message)
    known = set(db.read(config.with_directories))
    for domain_id in db.read(_with_entries) - known:
        _leave(db, domain_id, "user", [], hours)


def one_domain(db: Database, domain_id: str, hours: float) -> None:
    """Read one directory. Raises Unavailable, and then nothing has changed."""
    options = db.read(lambda tx: config.directory_of(tx, domain_id))
    if options is None:
        return
    directory = Directory(options)
    people, teams = directory.people(), directory.teams()
    for some in chunks(people, _BATCH):
        db.run(partial(_people, domain_id=domain_id, people=some, hours=hours))
    for groups in chunks(teams, _BATCH):
        db.run(partial(_teams, domain_id=domain_id, teams=groups))
    ids = {public_id(domain_id, one.local_id) for one in people}
    by_member = _by_member(domain_id, people, options.group_members_are_ids)
    for team in teams:
        db.run(partial(_members, domain_id=domain_id, team=team, by_member=by_member))
    _leave(db, domain_id, "user", ids, hours)
    gone = {public_id(domain_id, one.local_id, "group") for one in teams}
    _leave(db, domain_id, "group", gone, hours)


def _with_entries(tx: Tx) -> set[str]:
    return {one.domain_id for one in tx.all(Entry, present=True)}


def _fits(cls: type[Resource], values: Mapping[str, Any]) -> bool:
    try:
        for name, value in values.items():
            cls.attrs[name].type.parse(value, Where(name))
    except BadRequest as wrong:
        log.warning("a directory's entry is left out: %s", wrong.message)
        return False
    return True


def _people(tx: Tx, domain_id: str, people: Sequence[Person], hours: float) -> None:
    ids = {public_id(domain_id, one.local_id): one for one in people}
    users = {u.id: u for u in tx.all(User, id=list(ids))}
    names = [one.name for one in people]
    taken = {u.name: u.id for u in tx.all(User, domain_id=domain_id, name=names)}
    changed, ended = False, []
    for key, one in ids.items():
        fits = _fits(User, {"name": one.name}) and _fits(Entry, {"local_id": one.local_id})
        if not fits or taken.setdefault(one.name, key) != key:
            if fits:
                log.warning("the domain %s has another user named %r", domain_id, one.name)
            continue
        values = {"name": one.name, "enabled": one.enabled, "password_hash": STORED + key}
        user = users.get(key)
        if user is None:
            tx.add(User(id=key, domain_id=domain_id, extra=dict(one.more), **values))
        elif _differs(user, values, one.more):
            if user.enabled and not one.enabled:
                ended.append(f"user:{key}")
            tx.change(user, extra=user.extra | one.more, **values)
            changed = True
        _present(tx, domain_id, "user", key, one.local_id)
    if ended:
        revoke(tx, hours, *ended)
    elif changed:
        bump(tx)


def _differs(row: Any, values: Mapping[str, Any], more: Mapping[str, str]) -> bool:
    if any(getattr(row, name) != value for name, value in values.items()):
        return True
    return any(row.extra.get(name) != value for name, value in more.items())


def _present(tx: Tx, domain_id: str, kind: str, key: str, local_id: str) -> None:
    entry = tx.get(Entry, key)
    if entry is None:
        tx.add(Entry(id=key, domain_id=domain_id, kind=kind, local_id=local_id))
    elif not entry.present:
        tx.change(entry, present=True)


def _teams(tx: Tx, domain_id: str, teams: Sequence[Team]) -> None:
    ids = {public_id(domain_id, one.local_id, "group"): one for one in teams}
    groups = {g.id: g for g in tx.all(Group, id=list(ids))}
    names = [one.name for one in teams]
    taken = {g.name: g.id for g in tx.all(Group, domain_id=domain_id, name=names)}
    for key, one in ids.items():
        fits = _fits(Group, {"name": one.name}) and _fits(Entry, {"local_id": one.local_id})
        if not fits or taken.setdefault(one.name, key) != key:
            if fits:
                log.warning("the domain %s has another group named %r", domain_id, one.name)
            continue
        values = {"name": one.name, "description": one.description}
        group = groups.get(key)
        if group is None:
            tx.add(Group(id=key, domain_id=domain_id, **values))
        elif _differs(group, values, {}):
            tx.change(group, **values)
        _present(tx, domain_id, "group", key, one.local_id)


def _by_member(domain_id: str, people: Iterable[Person], by_id: bool) -> dict[str, str]:
    """The users' ids by what groups call them."""
    return {
        (one.local_id if by_id else one.dn.lower()): public_id(domain_id, one.local_id)
        for one in people
    }


def _members(tx: Tx, domain_id: str, team: Team, by_member: Mapping[str, str]) -> None:
    key = public_id(domain_id, team.local_id, "group")
    if tx.get(Entry, key) is None:
        return
    named = {by_member.get(m) or by_member.get(m.lower(), "") for m in team.members}
    here = {e.id for some in chunks(named - {""}) for e in tx.all(Entry, id=some, kind="user")}
    before = {m.user_id for m in tx.all(Member, group_id=key)}
    tx.add_all([Member(group_id=key, user_id=one) for one in sorted(here - before)])
    for some in chunks(sorted(before - here)):
        tx.remove_where(Member, group_id=key, user_id=some)
    if here != before:
        bump(tx)


def _leave(db: Database, domain_id: str, kind: str, still: Iterable[str], hours: float) -> None:
    """Disable users, and empty groups, that the directory has no more."""
    kept = set(still)

    def find(tx: Tx) -> list[str]:
        rows = tx.all(Entry, domain_id=domain_id, kind=kind, present=True)
        return [one.id for one in rows if one.id not in kept]

    def end(tx: Tx, ids: list[str]) -> None:
        tx.set(Entry, Entry.id.in_(ids), present=False)
        if kind == "user":
            tx.set(User, User.id.in_(ids), enabled=False)
            revoke(tx, hours, *(f"user:{one}" for one in ids))
        else:
            tx.remove_where(Member, group_id=ids)
            bump(tx)

    for some in chunks(db.read(find), _BATCH):
        db.run(partial(end, ids=some))
