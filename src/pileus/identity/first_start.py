"""The rows of a fresh cloud: the default domain, the usual roles, two people and the catalog."""

import secrets
from collections.abc import Sequence

from ..config import Config
from ..core.db import Tx
from ..core.parts import Parts
from ..wire.service import Service
from .grant import grant
from .revision import bump
from .rows import CatalogService, Domain, Endpoint, Implication, Project, Region, Role, User
from .standing import SYSTEM
from .tokens import Tokens

DEFAULT = "default"
# Each with the role that it implies.
_ROLES = (
    ("reader", ""),
    ("member", "reader"),
    ("manager", "member"),
    ("admin", "manager"),
    ("service", ""),
    ("ResellerAdmin", ""),
)
_PROJECTS = {
    "admin": "The cloud's administrators",
    "demo": "A project to try things in",
    "service": "What the cloud itself owns",
}
_INTERFACES = ("public", "internal", "admin")


def first_start(tx: Tx, parts: Parts, services: Sequence[Service]) -> dict[str, str]:
    """Make what is missing of a fresh cloud; return the passwords of the users made now.

    Called at every start: endpoints that it made follow the configured base URL. The two passwords
    are hashed in the transaction, which nobody waits for at a first start.
    """
    config = parts[Config]
    if tx.get(Domain, DEFAULT) is None:
        tx.add(Domain(id=DEFAULT, name="Default", description="The default domain"))
    roles = _roles(tx)
    projects = {name: _project(tx, name, text) for name, text in _PROJECTS.items()}
    made: dict[str, str] = {}
    admin = _user(tx, parts, "admin", projects["admin"], config.admin_password, made)
    demo = _user(tx, parts, "demo", projects["demo"], config.demo_password, made)
    if "admin" in made:
        grant(tx, "user", admin, "project", projects["admin"], roles["admin"])
        grant(tx, "user", admin, "domain", DEFAULT, roles["admin"])
        grant(tx, "user", admin, "system", SYSTEM, roles["admin"])
    if "demo" in made:
        grant(tx, "user", demo, "project", projects["demo"], roles["member"])
    _catalog(tx, config, services)
    return made


def _roles(tx: Tx) -> dict[str, str]:
    """The ids of the usual roles, made where they are missing."""
    ids = {r.name: r.id for r in tx.all(Role, scope="")}
    for name, implied in _ROLES:
        if name not in ids:
            ids[name] = tx.add(Role(name=name)).id
            if implied:
                tx.add(Implication(prior_role_id=ids[name], implied_role_id=ids[implied]))
            bump(tx)
    return ids


def _project(tx: Tx, name: str, description: str) -> str:
    found = tx.one(Project, domain_id=DEFAULT, name=name)
    if found is None:
        found = tx.add(
            Project(name=name, description=description, domain_id=DEFAULT, parent_id=DEFAULT)
        )
    return found.id


def _user(
    tx: Tx, parts: Parts, name: str, project_id: str, password: str, made: dict[str, str]
) -> str:
    found = tx.one(User, domain_id=DEFAULT, name=name)
    if found is None:
        made[name] = password or secrets.token_urlsafe(18)
        stored = parts[Tokens].passwords.hash(made[name])
        found = tx.add(
            User(name=name, domain_id=DEFAULT, default_project_id=project_id, password_hash=stored)
        )
    return found.id


def _catalog(tx: Tx, config: Config, services: Sequence[Service]) -> None:
    if tx.get(Region, config.region) is None:
        tx.add(Region(id=config.region))
    wanted = [
        (kind, service.name, service.path + service.catalog_path)
        for service in services
        for kind in (service.type, *service.aliases)
    ]
    for kind, name, path in wanted:
        row = tx.one(CatalogService, type=kind)
        if row is None:
            row = tx.add(CatalogService(type=kind, name=name))
            for interface in _INTERFACES:
                endpoint = Endpoint(service_id=row.id, interface=interface, made=path)
                endpoint.region_id, endpoint.url = config.region, config.catalog_url + path
                tx.add(endpoint)
            bump(tx)
    for endpoint in tx.all(Endpoint, Endpoint.made.is_not(None)):
        url = config.catalog_url + str(endpoint.made)
        if endpoint.url != url:
            tx.change(endpoint, url=url)
            bump(tx)
