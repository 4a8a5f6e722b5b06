"""What stands in bodies: properties, objects, tags and namespaces with all that is in them."""

import re
from typing import Any

from ...core.errors import BadRequest, Forbidden
from ...core.types import (
    AnyOf,
    Bool,
    Enum,
    Field,
    Float,
    Int,
    Json,
    ListOf,
    Object,
    Text,
    Type,
    Where,
)
from ...wire.context import Context
from .rows import Association, Namespace

NAME = Text(80, 1)
_KIND = Field(
    Enum("array", "boolean", "integer", "number", "object", "string"), required=True, null=True
)
_COUNT = Int(0, 2**31 - 1)
_WORDS = ListOf(Text(255), 1000, unique=True)
READ_ONLY = ("self", "schema", "created_at", "updated_at")


class _Pattern(Text):
    """A regular expression."""

    def parse(self, value: object, where: Where) -> str:
        text = super().parse(value, where)
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError):
            raise where.wrong(value, "a regular expression") from None
        return text


_PROPERTY: dict[str, Field | Type[Any]] = {
    "name": NAME,
    "title": Field(Text(65535), required=True),
    "description": Text(65535),
    "operators": ListOf(Text(255), 1000),
    "type": _KIND,
    "required": _WORDS,
    "minimum": AnyOf(Int(), Float()),
    "maximum": AnyOf(Int(), Float()),
    "maxLength": _COUNT,
    "minLength": _COUNT,
    "pattern": _Pattern(65535),
    "enum": ListOf(Json(8), 10000),
    "readonly": Bool(),
    "default": Json(8),
    "items": Object({"type": _KIND, "enum": ListOf(Json(8), 10000)}),
    "maxItems": _COUNT,
    "minItems": _COUNT,
    "uniqueItems": Bool(),
    "additionalItems": Bool(),
}
PROPERTY = Object(_PROPERTY)
NAMED_PROPERTY = Object(_PROPERTY | {"name": Field(NAME, required=True)})


class _Properties(Type[dict[str, Any]]):
    """Properties by name."""

    def parse(self, value: object, where: Where) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > 1000:
            raise where.wrong(value, "an object of at most 1000 properties")
        return {
            NAME.parse(key, where.at("(key)")): PROPERTY.parse(one, where.at(key))
            for key, one in value.items()
        }

    def schema(self) -> dict[str, object]:
        return {"type": "object", "additionalProperties": PROPERTY.schema()}


OBJECT = Object(
    {
        "name": Field(NAME, required=True),
        "description": Field(Text(65535), null=True),
        "required": _WORDS,
        "properties": _Properties(),
    }
)
TAG = Object({"name": Field(NAME, required=True)})
ASSOCIATION = Object(
    {
        key: Field(a.type, required=a.create == "required", null=a.null)
        for key, a in Association.attrs.items()
        if a.create
    }
)
_INSIDE: dict[str, Field | Type[Any]] = {
    "properties": _Properties(),
    "objects": ListOf(OBJECT, 1000),
    "tags": ListOf(TAG, 1000),
    "resource_type_associations": ListOf(ASSOCIATION, 1000),
}
NAMESPACE = Object(
    {
        key: Field(a.type, required=a.create == "required", null=a.null)
        for key, a in Namespace.attrs.items()
        if a.create
    }
    | _INSIDE
)


def read(ctx: Context, kind: Object) -> dict[str, Any]:
    """The body. Raises Forbidden for what is read-only, BadRequest for what is wrong."""
    if not isinstance(ctx.body, dict):
        raise BadRequest("Body expected in request.")
    for key in READ_ONLY:
        if key in ctx.body:
            raise Forbidden(f"Attribute '{key}' is read-only.")
    return kind.parse(ctx.body, ctx.where)
