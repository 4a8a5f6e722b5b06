"""The rules of passwords: what one must be like, when it ends, and who is locked out or asleep.

All of them are off unless the settings switch them on (`security_compliance`).
"""

import re
from datetime import datetime, timedelta
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest
from ..core.resource import Resource, attr, new_hex
from ..core.types import Text, When
from .rows import User
from .settings import SecurityCompliance

_GUESSES, _PAUSE = 5, timedelta(seconds=30)


class OldPassword(Resource):
    """A password that a user had, so that it is not taken again."""

    one, many, table_name = "old_password", "old_passwords", "identity_old_passwords"

    id = attr(Text(64, 1), key=True, default=new_hex)
    user_id = attr(Text(64, 1), index=True)
    password_hash = attr(Text(255))
    replaced_at = attr(When(), default=lambda tx: tx.now)


def strong(rules: SecurityCompliance, password: str) -> None:
    """Raises BadRequest for a password that the settings' expression does not match."""
    if rules.password_regex and not re.match(rules.password_regex, password):
        said = rules.password_regex_description
        raise BadRequest(
            f"The password does not match the requirements: {said or rules.password_regex}."
        )


def set_password(
    tx: Tx, rules: SecurityCompliance, user: User, stored: str | None, own: bool
) -> None:
    """Give a user, who is in the database already, another password.

    stored: its hash. own: the user chose it, and nobody else knows it.
    """
    if user.password_hash and rules.unique_last_password_count > 1:
        tx.add(OldPassword(user_id=user.id, password_hash=user.password_hash))
        older = tx.all(OldPassword, user_id=user.id, order=[OldPassword.replaced_at.desc()])
        for row in older[rules.unique_last_password_count - 1 :]:
            tx.remove(row)
    tx.change(user, **fresh(tx.now, rules, user.options, stored, own))


def fresh(
    now: datetime,
    rules: SecurityCompliance,
    options: dict[str, Any],
    stored: str | None,
    own: bool,
) -> dict[str, Any]:
    """What a user's row says of a password that is set now."""
    ends = None
    if stored is not None:
        if rules.password_expires_days and not options.get("ignore_password_expiry"):
            ends = (now + timedelta(days=rules.password_expires_days)).replace(microsecond=0)
        spared = options.get("ignore_change_password_upon_first_use")
        if rules.change_password_upon_first_use and not own and not spared:
            ends = now
    return {
        "password_hash": stored,
        "password_set_at": now,
        "password_own": own,
        "password_expires_at": ends,
    }


def changeable(rules: SecurityCompliance, user: User, now: datetime) -> None:
    """Raises BadRequest when the user may not change its own password now."""
    if user.options.get("lock_password"):
        raise BadRequest(
            "You cannot change your password: it is locked. Please ask an administrator."
        )
    if user.password_own and user.password_set_at is not None:
        until = user.password_set_at + timedelta(days=rules.minimum_password_age)
        if now < until:
            raise BadRequest(
                f"A password is kept for {rules.minimum_password_age} days at least: this one can"
                f" be changed in {(until - now).days + 1} days. If it is known to others, ask an"
                " administrator."
            )


def former(tx: Tx, rules: SecurityCompliance, user: User) -> list[str]:
    """The hashes of the passwords that the user may not take again, the present one included."""
    count = rules.unique_last_password_count
    if not count:
        return []
    older = tx.all(OldPassword, user_id=user.id, order=[OldPassword.replaced_at.desc()])
    return [user.password_hash or "", *(row.password_hash for row in older[: count - 1])]


def expired(user: User, now: datetime) -> bool:
    """Whether the user's password has to be changed before it can be used."""
    ends = user.password_expires_at
    return ends is not None and ends <= now and not user.options.get("ignore_password_expiry")


def asleep(rules: SecurityCompliance, user: User, now: datetime) -> bool:
    """Whether the user is disabled for not having logged in for so long."""
    days = rules.disable_user_account_days_inactive
    last = user.last_active_at or user.created_at
    if not days or last is None or user.options.get("ignore_user_inactivity"):
        return False
    return (now.date() - last.date()).days >= days


def unnoted(tx: Tx, rules: SecurityCompliance, user: User) -> bool:
    """Whether today's login of this user still has to be noted."""
    last = user.last_active_at
    return bool(rules.disable_user_account_days_inactive) and (
        last is None or last.date() != tx.now.date()
    )


def locked(rules: SecurityCompliance, user: User, now: datetime) -> bool:
    """Whether the user may not try again yet, after so many wrong passwords."""
    if user.options.get("ignore_lockout_failure_attempts"):
        return False
    if not rules.lockout_failure_attempts or user.failed_at is None:
        return False
    if (user.failures or 0) < rules.lockout_failure_attempts:
        return False
    return not rules.lockout_duration or now < user.failed_at + timedelta(
        seconds=rules.lockout_duration
    )


def guessing(user: User, now: datetime) -> bool:
    """Whether somebody tries one passcode after another, of which there are only a million.

    This holds whatever the settings say.
    """
    if user.failed_at is None or (user.failures or 0) < _GUESSES:
        return False
    return now < user.failed_at + _PAUSE


def failed(tx: Tx, rules: SecurityCompliance, user_id: str) -> None:
    """Count a wrong secret. A name that nobody has is written for alike: it takes as long."""
    user = tx.get(User, user_id)
    again = user is not None and user.failed_at is not None and _over(rules, user, tx.now)
    so_far = 0 if user is None or again else user.failures or 0
    tx.set(User, User.id == user_id, failures=so_far + 1, failed_at=tx.now)


def _over(rules: SecurityCompliance, user: User, now: datetime) -> bool:
    """Whether a lock has run out, so that counting starts anew."""
    limit = rules.lockout_failure_attempts
    return limit is not None and (user.failures or 0) >= limit and not locked(rules, user, now)
