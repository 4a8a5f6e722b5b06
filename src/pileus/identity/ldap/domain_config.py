"""A domain's configuration: /v3/domains/{domain_id}/config, and the defaults."""

from dataclasses import asdict
from typing import Any

from ...core.db import Tx
from ...core.errors import Forbidden, NotFound
from ...core.types import Int, Text, Type, Where
from ...wire.context import Context, Response
from ...wire.route import Route
from .. import noun
from ..rows import Domain
from ..tokens import Tokens
from . import config, options
from .rows import DomainOption

# `list_limit` is kept and shown as upstream does; lists here are never cut short.
_IDENTITY: dict[str, Type[Any]] = {"driver": Text(255, 1), "list_limit": Int(0, 10**9)}
_USUAL = {"driver": "sql", "list_limit": None}
_COMPLIANCE = "security_compliance"
_GROUPS = ("identity", "ldap")
_ONE = "/v3/domains/{domain_id}/config"
_DEFAULT = "/v3/domains/config"


def _shown(stored: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The configuration without its secrets."""
    return {
        group: {name: value for name, value in some.items() if name not in options.SECRET}
        for group, some in stored.items()
    }


def _place(ctx: Context) -> tuple[str, str]:
    """The group and option that the path names. Raises Forbidden for what there is not."""
    group, option = ctx.params.get("group", ""), ctx.params.get("option", "")
    if group and group not in _GROUPS:
        raise Forbidden(f"The group {group[:64]!r} is not one of {' and '.join(_GROUPS)}.")
    if option:
        _check(group, option)
    return group, option


def _check(group: str, name: str) -> None:
    if group == "identity" and name not in _IDENTITY:
        raise Forbidden(f"The option {name[:64]!r} of the group identity is not supported.")
    if group == "ldap" and name not in options.NAMES:
        raise Forbidden(f"The option {name[:64]!r} of the group ldap is not supported.")


def _parse(group: str, name: str, value: object, where: Where) -> Any:
    _check(group, name)
    if group == "identity":
        return _IDENTITY[name].parse(value, where)
    return options.parse(name, value, where)


def _domain(ctx: Context, rule: str) -> str:
    ctx.require(f"identity:{rule}")
    return noun.must(ctx.tx, Domain, ctx.params["domain_id"]).id


def _read(ctx: Context) -> dict[tuple[str, str], Any]:
    """What the body sets, by group and option; it must be within what the path names."""
    group, option = _place(ctx)
    where, given = ctx.where.at("config"), ctx.inner("config")
    if option:
        given = {group: given}
    if not isinstance(given, dict) or not given:
        raise where.wrong(given, "an object with one of the groups identity and ldap")
    found = {}
    for named, some in given.items():
        if named not in _GROUPS:
            raise Forbidden(f"The group {named[:64]!r} is not one of {' and '.join(_GROUPS)}.")
        if group and named != group:
            raise Forbidden(f"The body sets {named}, and the URL is of {group}.")
        if not isinstance(some, dict):
            raise where.at(named).wrong(some, "an object of options")
        for name, value in some.items():
            if option and name != option:
                raise Forbidden(f"The body sets {name[:64]}, and the URL is of {option}.")
            found[named, name] = _parse(named, name, value, where.at(named).at(name))
    return found


def _store(tx: Tx, domain_id: str, wanted: dict[tuple[str, str], Any]) -> None:
    for (group, name), value in wanted.items():
        kept = tx.vault.seal_json(value) if name in options.SECRET else value
        row = tx.get(DomainOption, domain_id, group, name)
        if row is None:
            tx.add(DomainOption(domain_id=domain_id, section=group, name=name, value=kept))
        else:
            tx.change(row, value=kept)
    options.read(config.of_domain(tx, domain_id).get("ldap", {}))
    tx.signal("directory")


def _answer(stored: dict[str, dict[str, Any]], group: str, option: str) -> Response | None:
    shown = _shown(stored)
    if option:
        some = shown.get(group, {})
        return Response(200, {"config": {option: some[option]}}) if option in some else None
    if group:
        return Response(200, {"config": {group: shown[group]}}) if group in shown else None
    return Response(200, {"config": shown})


def _compliance(ctx: Context) -> dict[str, Any]:
    """What passwords must be like: for everybody, and the same for every domain.

    Raises Forbidden for another domain than the default one, as upstream does.
    """
    ctx.require("identity:get_security_compliance_domain_config")
    if ctx.params["domain_id"] != "default":
        raise Forbidden("The rules of passwords are told for the default domain only.")
    rules = ctx.parts[Tokens].settings.security_compliance
    return {
        "password_regex": rules.password_regex,
        "password_regex_description": rules.password_regex_description,
    }


def _get(ctx: Context) -> Response:
    if ctx.params.get("group") == _COMPLIANCE:
        shown, option = _compliance(ctx), ctx.params.get("option", "")
        if option and option not in shown:
            raise Forbidden(f"The option {option[:64]!r} is not one of {', '.join(shown)}.")
        return Response(
            200, {"config": {option: shown[option]} if option else {_COMPLIANCE: shown}}
        )
    domain_id = _domain(ctx, "get_domain_config")
    stored = config.of_domain(ctx.tx, domain_id)
    found = _answer(stored, *_place(ctx)) if stored else None
    if found is None:
        raise NotFound("The domain's configuration does not say this.")
    return found


def _put(ctx: Context) -> Response:
    """Set the whole configuration."""
    domain_id = _domain(ctx, "create_domain_config")
    wanted = _read(ctx)
    fresh = not ctx.tx.remove_where(DomainOption, domain_id=domain_id)
    _store(ctx.tx, domain_id, wanted)
    shown = _shown(config.of_domain(ctx.tx, domain_id))
    return Response(201 if fresh else 200, {"config": shown})


def _patch(ctx: Context) -> object:
    """Change what is set already, within what the path names."""
    domain_id = _domain(ctx, "update_domain_config")
    wanted = _read(ctx)
    group, option = _place(ctx)
    stored = config.of_domain(ctx.tx, domain_id)
    missing = (group and group not in stored) or (option and option not in stored[group])
    if missing or not stored:
        raise NotFound("The domain's configuration does not say this; PUT it first.")
    _store(ctx.tx, domain_id, wanted)
    return {"config": _shown(config.of_domain(ctx.tx, domain_id))}


def _delete(ctx: Context) -> None:
    domain_id = _domain(ctx, "delete_domain_config")
    group, option = _place(ctx)
    named = {k: v for k, v in (("section", group), ("name", option)) if v}
    if not ctx.tx.remove_where(DomainOption, domain_id=domain_id, **named):
        raise NotFound("The domain's configuration does not say this.")
    ctx.tx.signal("directory")


def _default(ctx: Context) -> Response:
    ctx.require("identity:get_domain_config_default")
    known = asdict(options.DEFAULTS) | {"user_additional_attribute_mapping": []}
    found = _answer({"identity": _USUAL, "ldap": known}, *_place(ctx))
    if found is None:
        raise NotFound("A secret option has no default.")
    return found


def forget(tx: Tx, domain_id: str) -> None:
    """Remove the configuration of a domain that is going."""
    tx.remove_where(DomainOption, domain_id=domain_id)


def routes() -> tuple[Route, ...]:
    """The routes of domains' configurations."""
    group, option = f"{_ONE}/{{group}}", f"{_ONE}/{{group}}/{{option}}"
    return (
        Route("PUT", _ONE, _put),
        *(Route("GET", path, _get) for path in (_ONE, group, option)),
        *(Route("PATCH", path, _patch) for path in (_ONE, group, option)),
        *(Route("DELETE", path, _delete, status=204) for path in (_ONE, group, option)),
        Route("GET", f"{_DEFAULT}/default", _default),
        Route("GET", f"{_DEFAULT}/{{group}}/default", _default),
        Route("GET", f"{_DEFAULT}/{{group}}/{{option}}/default", _default),
    )
