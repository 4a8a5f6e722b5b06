"""The shapes of request bodies."""

from typing import Any

from ..core.errors import BadRequest
from ..core.types import (
    Field,
    Float,
    Int,
    ListOf,
    Object,
    Text,
    Type,
    Uuid,
    Where,
)
from .rows import MOST


class MapOf(Type[dict[str, Any]]):
    """An object whose keys are all of one type, and its values too."""

    def __init__(self, key: Type[str], value: Type[Any], minimum: int = 0) -> None:
        self.key, self.value, self.minimum = key, value, minimum

    def parse(self, value: object, where: Where) -> dict[str, Any]:
        """The map with keys and values read. Raises BadRequest."""
        if not isinstance(value, dict):
            raise where.wrong(value, "an object", type="object")
        if len(value) < self.minimum:
            raise where.wrong(
                value, f"an object with at least {self.minimum} key", minProperties=self.minimum
            )
        return {self._key(k, where): self.value.parse(v, where.at(k)) for k, v in value.items()}

    def _key(self, key: str, where: Where) -> str:
        try:
            return self.key.parse(key, where.at(key))
        except BadRequest:
            pattern = self.key.schema().get("pattern", "UUID")
            wanted = f"an object with keys of the form {pattern}"
            raise where.wrong(key, wanted, patternProperties=pattern) from None


class Dashed(Uuid):
    """A UUID, read into the form with dashes."""

    def parse(self, value: object, where: Where) -> str:
        """The UUID in lower case with dashes. Raises BadRequest."""
        plain = super().parse(value, where).replace("-", "")
        return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


class Number(Float):
    """A finite number, and not a string that reads as one."""

    def parse(self, value: object, where: Where) -> float:
        """The number. Raises BadRequest."""
        if isinstance(value, str):
            raise where.wrong(value, "a number", type="number")
        return super().parse(value, where)


NAME = Text(255, 1, "[A-Z0-9_]+")
UUID = Dashed()
_OWNER = Text(255, 1)
# More than any inventory has is for the claim to refuse.
_RESOURCES = MapOf(NAME, Int(1, 2**53), 1)
_STOCK: dict[str, Field | Type[Any]] = {
    "total": Field(Int(1, MOST), required=True),
    "reserved": Int(0, MOST),
    "min_unit": Int(1, MOST),
    "max_unit": Int(1, MOST),
    "step_size": Int(1, MOST),
    "allocation_ratio": Number(0, 3.40282e38),
}
_GENERATION = Field(Int(), required=True)
STOCK = Object(_STOCK | {"resource_provider_generation": Int()})
ONE_STOCK = Object(_STOCK | {"resource_provider_generation": _GENERATION})
NEW_STOCK = Object(
    _STOCK | {"resource_provider_generation": Int(), "resource_class": Field(NAME, required=True)}
)
STOCKS = Object(
    {
        "resource_provider_generation": _GENERATION,
        "inventories": Field(MapOf(NAME, STOCK), required=True),
    }
)
PROVIDER_TRAITS = Object(
    {
        "resource_provider_generation": _GENERATION,
        "traits": Field(ListOf(Text(255, 1), limit=10000), required=True),
    }
)
AGGREGATES_LIST = ListOf(UUID, limit=10000, unique=True)
AGGREGATES = Object(
    {
        "resource_provider_generation": _GENERATION,
        "aggregates": Field(AGGREGATES_LIST, required=True),
    }
)
_MAPPINGS = MapOf(Text(64, 0, "[a-zA-Z0-9_-]*"), ListOf(UUID, minimum=1), 1)


def _owned(minimum: int) -> dict[str, Field | Type[Any]]:
    share = Object({"generation": Int(), "resources": Field(_RESOURCES, required=True)})
    return {
        "allocations": Field(MapOf(UUID, share, minimum), required=True),
        "project_id": Field(_OWNER, required=True),
        "user_id": Field(_OWNER, required=True),
        "consumer_generation": Field(Int(), required=True, null=True, since=(1, 28)),
        "mappings": Field(_MAPPINGS, since=(1, 34)),
        "consumer_type": Field(NAME, required=True, since=(1, 38)),
    }


SHARES_LIST = Object(
    {
        "allocations": Field(
            ListOf(
                Object(
                    {
                        "resource_provider": Field(
                            Object({"uuid": Field(UUID, required=True)}), required=True
                        ),
                        "resources": Field(_RESOURCES, required=True),
                    }
                ),
                minimum=1,
            ),
            required=True,
        ),
        "project_id": Field(_OWNER, required=True, since=(1, 8)),
        "user_id": Field(_OWNER, required=True, since=(1, 8)),
    }
)
SHARES_FULL = Object(_owned(1))
SHARES = Object(_owned(0))
MANY_SHARES = MapOf(UUID, SHARES, 1)
