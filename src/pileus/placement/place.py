"""Places in requests, whose errors speak of JSON schema as the placement API's do."""

from dataclasses import dataclass
from typing import Any

from ..core.errors import BadRequest
from ..core.types import Type, Where
from ..wire.context import Context

_WORDS = {
    "type": "is not of type {!r}",
    "format": "is not a {!r}",
    "pattern": "does not match '^{}$'",
    "minimum": "is less than the minimum of {}",
    "maximum": "is greater than the maximum of {}",
    "minLength": "is too short",
    "maxLength": "is too long",
    "minItems": "should be non-empty",
    "maxItems": "is too long",
    "minProperties": "should be non-empty",
    "patternProperties": "does not match any of the regexes: {!r}",
    "uniqueItems": "has non-unique elements",
    "enum": "is not one of {}",
}


@dataclass(frozen=True)
class Place(Where):
    """A place in a body, or in a query string when `whole` says so."""

    whole: str = "JSON does not validate"

    def _moved(self, path: str) -> "Place":
        return Place(path, self.version, self.whole)

    def wrong(self, value: object, right: str, **rule: object) -> BadRequest:
        """The error for a value that breaks a rule of the schema."""
        shown = f"{self.whole}: {self.shown(value)}"
        if not rule:
            return BadRequest(f"{shown} is not {right}. It stands at {self.path or 'the top'}.")
        ((keyword, wanted),) = rule.items()
        return BadRequest(
            f"{shown} {_WORDS[keyword].format(wanted)}. Failed validating {keyword!r} in"
            f" {self.schema}: {self.path or 'the body'} must be {right}."
        )

    @property
    def schema(self) -> str:
        """The place in the schema."""
        return "schema" + "".join(f"['properties']['{key}']" for key in self.path.split(".") if key)

    def missing(self, key: str) -> BadRequest:
        """The error for a key that is required."""
        return BadRequest(
            f"{self.whole}: {key!r} is a required property. Failed validating 'required' in"
            f" {self.schema}: {self.at(key).path} is missing."
        )

    def unknown(self, key: str) -> BadRequest:
        """The error for a key that this microversion does not have."""
        return BadRequest(
            f"{self.whole}: Additional properties are not allowed ({key[:80]!r} was unexpected)."
            " Failed validating 'additionalProperties' in schema:"
            f" {self.path or 'the top'} has no such key in microversion 1.{self.version[1]}."
        )


def read(ctx: Context, kind: Type[Any]) -> Any:
    """The request's body as this type. Raises BadRequest."""
    if ctx.body is None and not ctx.request.body:
        raise BadRequest("Malformed JSON: the request has no body.")
    return kind.parse(ctx.body, Place("", ctx.version))


def asked_at(ctx: Context, name: str) -> Place:
    """The place of a query parameter."""
    return Place(name, ctx.version, "Invalid query string parameters")
