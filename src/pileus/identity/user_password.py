"""POST /v3/users/{id}/password: by who knows the old one, without a token."""

from ..core.db import Tx
from ..core.errors import BadRequest, Unauthorized
from ..core.types import Field, Object, Text
from ..wire.context import Context, Response
from . import password_rules
from .ldap import read_only
from .passwords import LONGEST
from .revision import revoke
from .rows import User
from .tokens import Tokens

_PASSWORD = Field(Text(LONGEST, 1), required=True)
_CHANGE = Object({"password": _PASSWORD, "original_password": _PASSWORD}, extra=True)


def change(ctx: Context) -> Response:
    """Change the user's own password; one that has expired will do as the old one."""
    given = _CHANGE.parse(ctx.inner("user"), ctx.where.at("user"))
    key = ctx.params["user_id"]
    tokens = ctx.parts[Tokens]
    rules, passwords = tokens.settings.security_compliance, tokens.passwords

    def usable(tx: Tx) -> tuple[User | None, list[str]]:
        user = tx.get(User, key)
        if user is None or not user.enabled or password_rules.asleep(rules, user, tx.now):
            return None, []
        if password_rules.locked(rules, user, tx.now):
            return None, []
        return user, password_rules.former(tx, rules, user)

    user, former = ctx.db.read(usable)
    old = user.password_hash if user is not None else None
    if not passwords.matches(given["original_password"], old) or user is None:
        if rules.lockout_failure_attempts:
            ctx.db.run(lambda tx: password_rules.failed(tx, rules, user.id if user else ""))
        raise _wrong()

    def may(tx: Tx) -> None:
        read_only.check_row(tx, key)
        password_rules.changeable(rules, user, tx.now)

    ctx.db.read(may)
    password_rules.strong(rules, given["password"])
    if any(passwords.matches(given["password"], one) for one in former if one):
        raise BadRequest(
            f"user.password must differ from the last {rules.unique_last_password_count} passwords,"
            " the present one among them."
        )
    stored = passwords.hash(given["password"])

    def work(tx: Tx) -> None:
        now, _ = usable(tx)
        if now is None or now.password_hash != old:  # it was changed, or the user went, meanwhile
            raise _wrong()
        password_rules.changeable(rules, now, tx.now)
        password_rules.set_password(tx, rules, now, stored, own=True)
        tx.change(now, failures=None, failed_at=None)
        revoke(tx, tokens.hours, f"user:{key}")

    ctx.db.run(work)
    return Response(204)


def _wrong() -> Unauthorized:
    return Unauthorized("The user or its present password is wrong.")
