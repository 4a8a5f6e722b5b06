"""Domains as a mapping names them."""

from typing import Any

from ...core.db import Tx
from ..rows import Domain


def domain_id(tx: Tx, named: Any, usual: str) -> str | None:
    """The id of the domain that is named by id or name; `usual` where none is named.

    None when there is no such domain.
    """
    if not named:
        return usual
    if "id" in named:
        found = tx.get(Domain, named["id"])
    else:
        found = tx.one(Domain, name=named.get("name", ""))
    return found.id if found is not None else None
