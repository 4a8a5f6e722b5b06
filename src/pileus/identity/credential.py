"""Credentials: what users keep for programs (EC2 keys, seeds of one-time passwords), sealed."""

import hashlib
from typing import Any

import msgspec
import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, Forbidden, NotFound
from ..core.resource import Resource, attr, new_hex
from ..core.types import Int, Text
from ..wire.context import Context
from ..wire.route import Route
from . import noun
from .credential_keys import CredentialKeys
from .rows import Free, Project, User

EC2 = "ec2"
_BLOB = Text(65535)
# What an EC2 credential was made on behalf of stays with it.
_BOUND = ("trust_id", "app_cred_id", "access_token_id")


class Credential(Free, Resource):
    """A secret of a user. `access_hash` finds one of the type ec2 by its access key."""

    one, many, table_name = "credential", "credentials", "identity_credentials"
    constraints = (sa.UniqueConstraint("access_hash"),)

    id = attr(Text(64, 1), key=True, default=new_hex)
    user_id = attr(Text(64, 1), create="required", filter=True, index=True)
    project_id = attr(Text(64, 1), null=True, create=True, filter=True, index=True)
    type = attr(Text(255, 1), create="required", filter=True)
    blob = attr(_BLOB, create="required", update=True, show=False)  # sealed
    key = attr(Int(), show=False)  # the number of the key that sealed it
    access_hash = attr(Text(64), null=True, show=False)


def hashed(access: str) -> str:
    """The access key as rows name it, and as the id of the credential made with it."""
    return hashlib.sha256(access.encode()).hexdigest()


def secrets(tx: Tx, keys: CredentialKeys, user_id: str, type_: str) -> list[str]:
    """The blobs of a user's credentials of one type, opened."""
    rows = tx.all(Credential, user_id=user_id, type=type_, order=[Credential.id])
    return [keys.open(row.key, row.blob) for row in rows]


def store(tx: Tx, keys: CredentialKeys, **values: Any) -> Credential:
    """Add a credential; `blob` is sealed here. Raises Conflict when its id is taken."""
    number, sealed = keys.seal(values.pop("blob"))
    row = Credential(**values, blob=sealed, key=number)
    if "id" in values and tx.get(Credential, values["id"]) is not None:
        raise Conflict("There is already a credential with this access key.")
    return tx.add(row)


def within(ctx: Context, project_id: str | None) -> bool:
    """Whether a token may touch credentials of this project.

    One that was lent (by an application credential, a trust, an access token) is for one project
    and touches nothing outside it, least of all what guards the user's own login.
    """
    who = ctx.who.extra
    lent = any(who.get(k) for k in ("application_credential", "trust_id", "access_token_id"))
    return not lent or project_id == ctx.who.project_id


def keep_within(ctx: Context, project_id: str | None) -> None:
    """Raises Forbidden where `within` is false."""
    if not within(ctx, project_id):
        raise Forbidden("This token is for another project than the credential.")


def bound(ctx: Context) -> dict[str, str]:
    """What the caller's token was lent by, as EC2 credentials remember it."""
    who = ctx.who.extra
    given = {
        "trust_id": who.get("trust_id"),
        "app_cred_id": who.get("application_credential"),
        "access_token_id": who.get("access_token_id"),
    }
    return {key: value for key, value in given.items() if value}


def unrestricted(ctx: Context) -> None:
    """Raises Forbidden for a token of a restricted application credential."""
    if ctx.who.extra.get("restricted"):
        raise Forbidden(
            "This token is from a restricted application credential,"
            " which may not manage credentials."
        )


def _shown(ctx: Context, rows: list[Credential]) -> list[dict[str, Any]]:
    keys = ctx.parts[CredentialKeys]
    found = noun.view(ctx, rows)
    for one, row in zip(found, rows, strict=True):
        one["blob"] = keys.open(row.key, row.blob)
    return found


def _list(ctx: Context) -> object:
    own = None if ctx.who.system else ctx.who.user_id
    ctx.require("identity:list_credentials", {"target.credential.user_id": own})
    rows, _ = noun.listed(ctx, Credential, sort=(("id", "asc"),))
    seen = [
        row
        for row in rows
        if ctx.allows("identity:get_credential", noun.target(row)) and within(ctx, row.project_id)
    ]
    return ctx.service.page(ctx, "credentials", _shown(ctx, seen), "")


def _find(ctx: Context, rule: str) -> Credential:
    row = noun.find(ctx, Credential, ctx.params["credential_id"], f"identity:{rule}_credential")
    keep_within(ctx, row.project_id)
    return row


def _show(ctx: Context) -> object:
    return {"credential": _shown(ctx, [_find(ctx, "get")])[0]}


def ec2_blob(text: str) -> dict[str, Any]:
    """The parts of an EC2 credential's blob. Raises BadRequest."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("access"), str):
        raise BadRequest(
            'credential.blob of the type ec2 must be JSON: {"access": …, "secret": …}.'
        )
    if not isinstance(found.get("secret"), str):
        raise BadRequest("credential.blob of the type ec2 must hold a secret, as text.")
    return found


def _create(ctx: Context) -> object:
    tx = ctx.tx
    values, free = noun.body(ctx, Credential, skip=("id",))
    ctx.require("identity:create_credential", {"target.credential.user_id": values["user_id"]})
    project_id = values.get("project_id")
    keep_within(ctx, project_id)
    if tx.get(User, values["user_id"]) is None:
        raise BadRequest(f"credential.user_id: there is no user {values['user_id']!r}.")
    if project_id is not None and tx.get(Project, project_id) is None:
        raise BadRequest(f"credential.project_id: there is no project {project_id!r}.")
    if values["type"].lower() == EC2:
        unrestricted(ctx)
        if project_id is None:
            raise BadRequest("credential.project_id is required for the type ec2.")
        parts = ec2_blob(values["blob"]) | bound(ctx)
        values["id"] = values["access_hash"] = hashed(parts["access"])
        values["blob"] = msgspec.json.encode(parts).decode()
        values["type"] = EC2
        if tx.exists(Credential, access_hash=values["id"]):
            raise Conflict("There is already a credential with this access key.")
    row = store(tx, ctx.parts[CredentialKeys], **values, extra=free)
    return {"credential": _shown(ctx, [row])[0]}


def _update(ctx: Context) -> object:
    tx, keys = ctx.tx, ctx.parts[CredentialKeys]
    row = _find(ctx, "update")
    values, free = noun.body(ctx, Credential, row)
    blob = values.pop("blob", None)
    if blob is not None:
        if row.type == EC2:
            old, new = ec2_blob(keys.open(row.key, row.blob)), ec2_blob(blob)
            for name in _BOUND:
                if name in old and new.setdefault(name, old[name]) != old[name]:
                    raise BadRequest(f"credential.blob: {name} cannot be changed.")
                if name in new and name not in old:
                    raise BadRequest(f"credential.blob: {name} cannot be added.")
            blob = msgspec.json.encode(new).decode()
            values["access_hash"] = hashed(new["access"])
            where = (Credential.access_hash == values["access_hash"], Credential.id != row.id)
            if tx.exists(Credential, *where):
                raise Conflict("There is already a credential with this access key.")
        values["key"], values["blob"] = keys.seal(blob)
    tx.change(row, extra=row.extra | free, **values)
    return {"credential": _shown(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    ctx.tx.remove(_find(ctx, "delete"))


def by_access(tx: Tx, access: str) -> Credential:
    """The EC2 credential with this access key. Raises NotFound."""
    row = tx.one(Credential, type=EC2, access_hash=hashed(access))
    if row is None:
        raise NotFound("There is no EC2 credential with this access key.")
    return row


def routes() -> tuple[Route, ...]:
    """The routes of credentials."""
    one = "/v3/credentials/{credential_id}"
    return (
        Route("GET", "/v3/credentials", _list),
        Route("POST", "/v3/credentials", _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
