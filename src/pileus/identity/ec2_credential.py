"""EC2 credentials: an access key and a secret of a user on one project."""

import secrets
from typing import Any

import msgspec

from ..core.types import Field, Object, Text, Where
from ..wire.context import Context
from ..wire.route import Route
from . import credential, noun
from .credential import EC2, Credential, hashed
from .credential_keys import CredentialKeys
from .rows import Project, User

_AT = "/v3/users/{user_id}/credentials/OS-EC2"
_BODY = Object({"tenant_id": Field(Text(64, 1), required=True)}, extra=True)


def _shown(ctx: Context, row: Credential) -> dict[str, Any]:
    parts = credential.ec2_blob(ctx.parts[CredentialKeys].open(row.key, row.blob))
    return {
        "user_id": row.user_id,
        "tenant_id": row.project_id,
        "access": parts["access"],
        "secret": parts["secret"],
        "trust_id": parts.get("trust_id"),
        "links": {"self": ctx.url(f"/v3/users/{row.user_id}/credentials/OS-EC2/{parts['access']}")},
    }


def _list(ctx: Context) -> object:
    key = ctx.params["user_id"]
    ctx.require("identity:ec2_list_credentials", {"user_id": key})
    noun.must(ctx.tx, User, key)
    rows = ctx.tx.all(Credential, user_id=key, type=EC2, order=[Credential.id])
    found = [_shown(ctx, row) for row in rows if credential.within(ctx, row.project_id)]
    return ctx.service.page(ctx, "credentials", found, "")


def _create(ctx: Context) -> object:
    key = ctx.params["user_id"]
    ctx.require("identity:ec2_create_credential", {"target.credential.user_id": key})
    credential.unrestricted(ctx)
    noun.must(ctx.tx, User, key)
    project_id = _BODY.parse(ctx.body, Where())["tenant_id"]
    noun.must(ctx.tx, Project, project_id)
    credential.keep_within(ctx, project_id)
    parts = {"access": secrets.token_hex(16), "secret": secrets.token_hex(16)}
    id_ = hashed(parts["access"])
    row = credential.store(
        ctx.tx,
        ctx.parts[CredentialKeys],
        id=id_,
        access_hash=id_,
        user_id=key,
        project_id=project_id,
        type=EC2,
        blob=msgspec.json.encode(parts | credential.bound(ctx)).decode(),
        extra={},
    )
    return {"credential": _shown(ctx, row)}


def _find(ctx: Context, verb: str) -> Credential:
    # Whose it is counts, and not whom the path names.
    user_id, access = ctx.params["user_id"], ctx.params["credential_id"]
    row = credential.by_access(ctx.tx, access)
    ctx.require(f"identity:ec2_{verb}_credential", noun.target(row) | {"user_id": user_id})
    credential.keep_within(ctx, row.project_id)
    return row


def _show(ctx: Context) -> object:
    return {"credential": _shown(ctx, _find(ctx, "get"))}


def _delete(ctx: Context) -> None:
    ctx.tx.remove(_find(ctx, "delete"))


def routes() -> tuple[Route, ...]:
    """The routes of EC2 credentials."""
    one = _AT + "/{credential_id}"
    return (
        Route("GET", _AT, _list),
        Route("POST", _AT, _create, status=201),
        Route("GET", one, _show),
        Route("DELETE", one, _delete, status=204),
    )
