"""What tokens show of federation, and what still holds of a federated one."""

from ...core.db import Tx
from ..payload import Federated
from ..rows import Group
from .rows import IdentityProvider, Protocol, ServiceProvider


def groups(tx: Tx, federated: Federated) -> tuple[str, ...] | None:
    """The groups of a token that there are still; None when nobody vouches for it any more."""
    idp = tx.get(IdentityProvider, federated.identity_provider)
    if idp is None or not idp.enabled or not tx.get(Protocol, idp.id, federated.protocol):
        return None
    if not federated.groups:
        return ()
    there = {group.id for group in tx.all(Group, id=list(federated.groups))}
    return tuple(one for one in federated.groups if one in there)


def service_providers(tx: Tx) -> list[dict[str, str]]:
    """The enabled service providers as tokens list them."""
    rows = tx.all(ServiceProvider, enabled=True, order=[ServiceProvider.id])
    return [{"auth_url": r.auth_url, "id": r.id, "sp_url": r.sp_url} for r in rows]
