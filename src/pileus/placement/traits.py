"""Traits over HTTP: all of them, custom ones made and dropped, and those of a provider."""

from ..core.errors import BadRequest, Conflict, NotFound
from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer, empty
from .body import PROVIDER_TRAITS
from .names import check_traits, is_custom, standard_traits, unknown_traits
from .place import read
from .provide import set_traits
from .providers import expect, provider, step
from .query import check_keys
from .rows import Provider, ProviderTrait, Trait

_SINCE = (1, 6)


def _list(ctx: Context) -> Response:
    check_keys(ctx, {"name", "associated"})
    names: set[str] = set(standard_traits()) | {row.name for row in ctx.tx.all(Trait)}
    text = ctx.request.get("name")
    if text is not None:
        kind, colon, value = text.partition(":")
        if not colon or kind not in ("in", "startswith"):
            raise BadRequest(
                "Badly formatted name parameter. Expected name query string parameter in form:"
                f' ?name=[in|startswith]:[name1,name2|prefix]. Got: "{text[:120]}".'
            )
        wanted = set(value.split(","))
        names = {n for n in names if (n in wanted if kind == "in" else n.startswith(value))}
    associated = ctx.request.get("associated")
    if associated is not None:
        if associated.lower() not in ("true", "false"):
            raise BadRequest(
                'The query parameter "associated" only accepts "true" or "false",'
                f" not {associated[:40]!r}."
            )
        used = {row.trait for row in ctx.tx.all(ProviderTrait)}
        names = names & used if associated.lower() == "true" else names - used
    return answer(ctx, {"traits": sorted(names)})


def _missing(name: str) -> NotFound:
    return NotFound(f"No such trait(s): {name[:255]}.")


def _show(ctx: Context) -> Response:
    name = ctx.params["name"]
    if unknown_traits(ctx.tx, [name]):
        raise _missing(name)
    return answer(ctx, status=204)


def _put(ctx: Context) -> Response:
    name = ctx.params["name"]
    if not is_custom(name):
        raise BadRequest(
            "The trait is invalid. A valid trait must be no longer than 255 characters, start with"
            ' the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_".'
        )
    status = 204
    if ctx.tx.get(Trait, name) is None:
        ctx.tx.add(Trait(name=name))
        status = 201
    return answer(ctx, status=status, location=f"/traits/{name}")


def _delete(ctx: Context) -> Response:
    name = ctx.params["name"]
    if name in standard_traits():
        raise BadRequest(f"Cannot delete standard trait {name}.")
    row = ctx.tx.get(Trait, name)
    if row is None:
        raise _missing(name)
    if ctx.tx.exists(ProviderTrait, trait=name):
        raise Conflict(f"The trait {name} is in use by a resource provider.")
    ctx.tx.remove(row)
    return empty(ctx)


def _of_provider(ctx: Context, row: Provider) -> Response:
    found = ctx.tx.all(ProviderTrait, provider_id=row.id, order=[ProviderTrait.trait])
    names = [one.trait for one in found]
    return answer(ctx, {"traits": names, "resource_provider_generation": row.generation})


def _provider_list(ctx: Context) -> Response:
    return _of_provider(ctx, provider(ctx))


def _provider_put(ctx: Context) -> Response:
    body = read(ctx, PROVIDER_TRAITS)
    row = provider(ctx)
    expect(row, body["resource_provider_generation"])
    check_traits(ctx.tx, body["traits"])
    if set_traits(ctx.tx, row.id, set(body["traits"])):
        step(ctx.tx, row)
    return _of_provider(ctx, row)


def _provider_clear(ctx: Context) -> Response:
    row = provider(ctx)
    if set_traits(ctx.tx, row.id, set()):
        step(ctx.tx, row)
    return empty(ctx)


_OF = "/resource_providers/{provider_id}/traits"
_RULE, _OF_RULE = "placement:traits", "placement:resource_providers:traits"
ROUTES = (
    Route("GET", "/traits", _list, f"{_RULE}:list", since=_SINCE),
    Route("GET", "/traits/{name}", _show, f"{_RULE}:show", since=_SINCE),
    Route("PUT", "/traits/{name}", _put, f"{_RULE}:update", since=_SINCE),
    Route("DELETE", "/traits/{name}", _delete, f"{_RULE}:delete", since=_SINCE),
    Route("GET", _OF, _provider_list, f"{_OF_RULE}:list", since=_SINCE),
    Route("PUT", _OF, _provider_put, f"{_OF_RULE}:update", since=_SINCE),
    Route("DELETE", _OF, _provider_clear, f"{_OF_RULE}:delete", since=_SINCE),
)
