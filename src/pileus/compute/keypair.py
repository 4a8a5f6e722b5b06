"""Keypairs: public keys that servers get at creation."""

import hashlib
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.quota import check, guard, limits
from ..core.resource import Resource, attr, now
from ..core.types import Enum, Field, Object, Text, When
from ..wire.context import Context, Response
from ..wire.paging import page
from ..wire.route import Route
from . import ssh_key
from .quota import DEFAULTS
from .rules import rule

_NAME = Field(Text(255, 1, r"[a-zA-Z0-9 _\-]+", strip=True), required=True, until=(2, 91))
_WIDE_NAME = Field(Text(255, 1, r"[a-zA-Z0-9 _\-@.]+", strip=True), required=True)
_REST = {
    "type": Field(Enum("ssh", "x509"), since=(2, 2)),
    "user_id": Field(Text(64, 1), since=(2, 10)),
}
_KEY = Text(16384)
_CREATE = Object({"name": _NAME, "public_key": Field(_KEY, null=True)} | _REST)
_CREATE_2_92 = Object({"name": _WIDE_NAME, "public_key": Field(_KEY, required=True)} | _REST)


class Keypair(Resource):
    """A public key of a user, under a name."""

    one, many = "keypair", "keypairs"

    user_id = attr(Text(64), key=True)
    name = attr(Text(255), key=True, sort=True)
    type = attr(Text(8), default="ssh")
    public_key = attr(Text(65535))
    fingerprint = attr(Text(255))
    created_at = attr(When("%Y-%m-%dT%H:%M:%S.000000"), default=now)

    @property
    def number(self) -> int:
        """The whole number that old clients want as an id."""
        text = f"{self.user_id}/{self.name}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def view(ctx: Context, keypair: Keypair) -> dict[str, Any]:
    """What every answer shows of a keypair."""
    found = {
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
    }
    return found | ({"type": keypair.type} if ctx.version >= (2, 2) else {})


def _user(ctx: Context, verb: str, asked: str | None) -> str:
    user = asked if asked and ctx.version >= (2, 10) else ctx.who.user_id
    ctx.require(rule(f"os-keypairs:{verb}"), {"user_id": user})
    return user


def _find(ctx: Context, verb: str) -> Keypair:
    user = _user(ctx, verb, ctx.request.get("user_id"))
    name = ctx.params["keypair_name"]
    found = ctx.tx.get(Keypair, user, name)
    if found is None:
        raise NotFound(f"Keypair {name[:255]} not found for user {user}")
    return found


def list_keypairs(ctx: Context) -> object:
    """The caller's keypairs, or, for an admin, those of `user_id`."""
    user = _user(ctx, "index", ctx.request.get("user_id"))
    where, order = [Keypair.user_id == user], (("name", "asc"),)
    rows, marker = page(ctx, Keypair, where, default_sort=order)
    items = [{"keypair": view(ctx, row)} for row in rows]
    answer = ctx.service.page(ctx, "keypairs", items, marker)
    if ctx.version < (2, 35):
        answer.pop("keypairs_links", None)
    return answer


def show(ctx: Context) -> object:
    """One keypair."""
    found = _find(ctx, "show")
    full = view(ctx, found) | {
        "user_id": found.user_id,
        "id": found.number,
        "deleted": False,
        "created_at": found.created_at.strftime("%Y-%m-%dT%H:%M:%S.000000"),
        "updated_at": None,
        "deleted_at": None,
    }
    return {"keypair": full}


def create(ctx: Context) -> object:
    """Import a public key, or (before 2.92) make a new pair and hand out its private half."""
    shape = _CREATE_2_92 if ctx.version >= (2, 92) else _CREATE
    body = shape.parse(ctx.inner("keypair"), ctx.where.at("keypair"))
    user = _user(ctx, "create", body.get("user_id"))
    kind, private = body.get("type", "ssh"), ""
    public = body.get("public_key")
    if public is None:
        made = ssh_key.make_ssh() if kind == "ssh" else ssh_key.make_x509(user)
        public, private = made.public, made.private
    public = public.strip() if kind == "ssh" else public
    if kind == "ssh" and "\n" in public:
        raise BadRequest("Keypair data is invalid: an SSH public key is one line.")
    mark = ssh_key.ssh_fingerprint if kind == "ssh" else ssh_key.x509_fingerprint
    keypair = Keypair(
        user_id=user, name=body["name"], type=kind, public_key=public, fingerprint=mark(public)
    )
    ctx.db.run(lambda tx: _add(tx, keypair))
    answer = view(ctx, keypair) | {"user_id": user}
    if private:
        answer["private_key"] = private
    return Response(200 if ctx.version < (2, 2) else 201, {"keypair": answer})


def _add(tx: Tx, keypair: Keypair) -> None:
    guard(tx, keypair.user_id)
    used = {"key_pairs": tx.count(Keypair, user_id=keypair.user_id)}
    check({"key_pairs": 1}, used, limits(tx, "compute", "", DEFAULTS))
    if tx.get(Keypair, keypair.user_id, keypair.name) is not None:
        raise Conflict(f"Key pair '{keypair.name}' already exists.")
    tx.add(Keypair(**vars(keypair)))


def delete(ctx: Context) -> object:
    """Remove a keypair; servers keep the key that they were given."""
    ctx.tx.remove(_find(ctx, "delete"))
    return Response(202 if ctx.version < (2, 2) else 204)


_PATH = "/v2.1/os-keypairs"
_ONE = _PATH + "/{keypair_name:path}"
ROUTES = (
    Route("GET", _PATH, list_keypairs),
    Route("POST", _PATH, create, tx="none"),
    Route("GET", _ONE, show),
    Route("DELETE", _ONE, delete),
)
