"""The types of attributes: how each is read from JSON or a query string, stored and written.

One `Type` is at once validator, column and JSON schema, so that the three cannot disagree.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from .errors import BadRequest

T = TypeVar("T")
Version = tuple[int, int]
# Names in bodies of what must not come back in an answer or turn up in a log.
_SECRET = re.compile(
    r"password|passcode|secret|token|adminpass|private_key|user_data|blob", re.IGNORECASE
)
# Halves of surrogate pairs are no characters either: nothing can store or send them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@dataclass(frozen=True)
class Where:
    """The place in a request that is being read, for error messages, and its microversion."""

    path: str = ""
    version: Version = (0, 0)

    def at(self, key: str | int) -> "Where":
        """The place one level down."""
        step = f"[{key}]" if isinstance(key, int) else (f".{key}" if self.path else key)
        return self._moved(self.path + step)

    def _moved(self, path: str) -> "Where":
        # Not `replace`, which takes ten times as long.
        return Where(path, self.version)

    def wrong(self, value: object, right: str, **rule: object) -> BadRequest:
        """The error that says what stands here and what should.

        It never repeats a secret: neither one that stands here nor one that may stand within.
        rule: the keyword of JSON schema that is broken, with its value, for a service whose errors
        tell it.
        """
        return BadRequest(
            f"Invalid input for field/attribute {self.path or 'the body'}. Value:"
            f" {self.shown(value)}. It must be {right}."
        )

    def missing(self, key: str) -> BadRequest:
        """The error for an object here without a key that it must have."""
        return BadRequest(f"{self.at(key).path} is required and missing.")

    def unknown(self, key: str) -> BadRequest:
        """The error for an object here with a key that it cannot have."""
        return BadRequest(f"Additional properties are not allowed ({self.at(key).path!r}).")

    def shown(self, value: object) -> str:
        """What an error may repeat of a value that stands here."""
        if isinstance(value, dict | list):
            return "an object" if isinstance(value, dict) else "a list"
        text = "***" if _SECRET.search(self.path) else repr(value)
        return text if len(text) <= 120 else text[:117] + "..."


class Type(Generic[T]):
    """What an attribute may hold."""

    def column(self) -> sa.types.TypeEngine[Any]:
        """The column type that stores it."""
        return sa.JSON()

    def parse(self, value: object, where: Where) -> T:
        """The value from decoded JSON. Raises BadRequest."""
        raise where.wrong(value, "something that can be read")

    def read(self, text: str, where: Where) -> T:
        """The value from a query string. Raises BadRequest."""
        return self.parse(text, where)

    def dump(self, value: T) -> object:
        """The value as JSON writes it."""
        return value

    def schema(self) -> dict[str, object]:
        """The JSON schema."""
        return {}


@dataclass(frozen=True)
class Text(Type[str]):
    """A string of `minimum` to `maximum` characters without control characters."""

    maximum: int = 255
    minimum: int = 0
    pattern: str = ""
    strip: bool = False

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.String(self.maximum) if self.maximum <= 1024 else sa.Text()

    def parse(self, value: object, where: Where) -> str:
        if not isinstance(value, str):
            raise where.wrong(value, "a string", type="string")
        text = value.strip() if self.strip else value
        if not self.minimum <= len(text) <= self.maximum:
            short = len(text) < self.minimum
            raise where.wrong(
                value,
                f"a string of {self.minimum} to {self.maximum} characters",
                **({"minLength": self.minimum} if short else {"maxLength": self.maximum}),
            )
        if _CONTROL.search(text):
            raise where.wrong(value, "a string without control characters")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise where.wrong(value, f"a string that matches {self.pattern}", pattern=self.pattern)
        return text

    def schema(self) -> dict[str, object]:
        found: dict[str, object] = {"type": "string", "minLength": self.minimum}
        found["maxLength"] = self.maximum
        return found | ({"pattern": self.pattern} if self.pattern else {})


@dataclass(frozen=True)
class Int(Type[int]):
    """A whole number; `strings` also takes "5", as the compute API always did."""

    minimum: int = -(2**63)
    maximum: int = 2**63 - 1
    strings: bool = False

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.BigInteger()

    def parse(self, value: object, where: Where) -> int:
        if self.strings and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise where.wrong(value, "an integer", type="integer")
        if not self.minimum <= value <= self.maximum:
            raise where.wrong(
                value,
                f"an integer from {self.minimum} to {self.maximum}",
                **_bound(value, self.minimum, self.maximum),
            )
        return value

    def read(self, text: str, where: Where) -> int:
        if not re.fullmatch(r"-?[0-9]{1,19}", text):
            raise where.wrong(text, "an integer")
        return self.parse(int(text), where)

    def schema(self) -> dict[str, object]:
        kind = ["integer", "string"] if self.strings else "integer"
        return {"type": kind, "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Float(Type[float]):
    """A finite number."""

    minimum: float = -1e300
    maximum: float = 1e300

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.Float()

    def parse(self, value: object, where: Where) -> float:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise where.wrong(value, "a number", type="number")
        if not self.minimum <= value <= self.maximum:
            raise where.wrong(
                value,
                f"a number from {self.minimum} to {self.maximum}",
                **_bound(value, self.minimum, self.maximum),
            )
        return float(value)

    def schema(self) -> dict[str, object]:
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


def _bound(value: float, minimum: float, maximum: float) -> dict[str, float]:
    return {"minimum": minimum} if value < minimum else {"maximum": maximum}


_TRUE = {"true", "1", "yes", "on", "t", "y"}
_FALSE = {"false", "0", "no", "off", "f", "n"}


@dataclass(frozen=True)
class Bool(Type[bool]):
    """True or false; `strings` also takes "true", "0" and their kin."""

    strings: bool = False

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.Boolean()

    def parse(self, value: object, where: Where) -> bool:
        if isinstance(value, bool):
            return value
        if self.strings and isinstance(value, str):
            return self.read(value, where)
        if self.strings and isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise where.wrong(value, "true or false")

    def read(self, text: str, where: Where) -> bool:
        if text.strip().lower() in _TRUE:
            return True
        if text.strip().lower() in _FALSE:
            return False
        raise where.wrong(text, "true or false")

    def schema(self) -> dict[str, object]:
        return {"type": ["boolean", "string"] if self.strings else "boolean"}


@dataclass(frozen=True)
class Uuid(Type[str]):
    """A UUID with dashes, or 32 hexadecimal digits as the identity service writes them."""

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.String(36)

    def parse(self, value: object, where: Where) -> str:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise where.wrong(value, "a UUID", format="uuid")
        return value.lower()

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "uuid"}


_UUID = re.compile(
    r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}"
)


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID, with or without dashes."""
    return _UUID.fullmatch(text) is not None


class Enum(Type[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.String(64)

    def parse(self, value: object, where: Where) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise where.wrong(value, f"one of {', '.join(self.words)}", enum=list(self.words))
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True)
class When(Type[datetime]):
    """A moment in UTC. `form` is how this service writes it (strftime)."""

    form: str = "%Y-%m-%dT%H:%M:%SZ"

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.DateTime()

    def parse(self, value: object, where: Where) -> datetime:
        if isinstance(value, str):
            try:
                found = datetime.fromisoformat(value)
                return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
            except (ValueError, OverflowError):
                pass  # no date, or one that in UTC lies before the year 1 or after 9999
        raise where.wrong(value, "a date and time in ISO 8601")

    def dump(self, value: datetime) -> object:
        return value.strftime(self.form)

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "date-time"}


class Json(Type[Any]):
    """Any JSON, at most `depth` levels deep."""

    def __init__(self, depth: int = 16) -> None:
        self.depth = depth

    def parse(self, value: object, where: Where) -> Any:
        _limit_depth(value, self.depth, where)
        return value


def _limit_depth(value: object, depth: int, where: Where) -> None:
    if depth < 0:
        raise where.wrong("...", "less deeply nested")
    if isinstance(value, dict):
        for key, inner in value.items():
            _limit_depth(inner, depth - 1, where.at(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _limit_depth(inner, depth - 1, where.at(index))


class Metadata(Type[dict[str, str]]):
    """A map of short strings to strings, as servers' and volumes' metadata are."""

    def __init__(self, key: int = 255, value: int = 255, limit: int = 128) -> None:
        self.key, self.value, self.limit = Text(key, 1), Text(value), limit

    def parse(self, value: object, where: Where) -> dict[str, str]:
        if not isinstance(value, dict):
            raise where.wrong(value, "an object of strings")
        if len(value) > self.limit:
            raise where.wrong(f"{len(value)} items", f"an object of at most {self.limit} items")
        return {
            self.key.parse(k, where.at("(key)")): self.value.parse(v, where.at(k))
            for k, v in value.items()
        }

    def schema(self) -> dict[str, object]:
        return {"type": "object", "additionalProperties": self.value.schema()}


class ListOf(Type[list[T]]):
    """A list of one type, with at most `limit` items."""

    def __init__(self, item: Type[T], limit: int = 1000, minimum: int = 0, unique: bool = False):
        self.item, self.limit, self.minimum, self.unique = item, limit, minimum, unique

    def parse(self, value: object, where: Where) -> list[T]:
        if not isinstance(value, list):
            raise where.wrong(value, "a list", type="array")
        if not self.minimum <= len(value) <= self.limit:
            short = len(value) < self.minimum
            raise where.wrong(
                f"{len(value)} items",
                f"a list of {self.minimum} to {self.limit} items",
                **({"minItems": self.minimum} if short else {"maxItems": self.limit}),
            )
        found = [self.item.parse(item, where.at(index)) for index, item in enumerate(value)]
        if self.unique and any(item in found[:index] for index, item in enumerate(found)):
            raise where.wrong(value, "a list without duplicates", uniqueItems=True)
        return found

    def dump(self, value: list[T]) -> object:
        return [self.item.dump(item) for item in value]

    def schema(self) -> dict[str, object]:
        return {"type": "array", "items": self.item.schema(), "maxItems": self.limit}


@dataclass(frozen=True)
class Field:
    """One key of an `Object`: in microversions `since` to `until`, both included."""

    type: Type[Any]
    required: bool = False
    null: bool = False
    since: Version = (0, 0)
    until: Version = (999, 999)


class Object(Type[dict[str, Any]]):
    """A JSON object with declared keys; other keys are refused unless `extra`."""

    def __init__(self, fields: Mapping[str, Field | Type[Any]], extra: bool = False) -> None:
        self.fields = {k: f if isinstance(f, Field) else Field(f) for k, f in fields.items()}
        self.extra = extra

    def parse(self, value: object, where: Where) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise where.wrong(value, "an object", type="object")
        live = {k: f for k, f in self.fields.items() if f.since <= where.version <= f.until}
        for key, field in live.items():
            if field.required and key not in value:
                raise where.missing(key)
        found: dict[str, Any] = {}
        for key, inner in value.items():
            known = live.get(key)
            if known is None:
                if not self.extra:
                    raise where.unknown(key)
                found[key] = inner
            elif inner is None and known.null:
                found[key] = None
            else:
                found[key] = known.type.parse(inner, where.at(key))
        return found

    def schema(self) -> dict[str, object]:
        return {
            "type": "object",
            "properties": {key: field.type.schema() for key, field in self.fields.items()},
            "required": [key for key, field in self.fields.items() if field.required],
            "additionalProperties": self.extra,
        }


class AnyOf(Type[Any]):
    """The first of several types that fits."""

    def __init__(self, *types: Type[Any]) -> None:
        self.types: Sequence[Type[Any]] = types

    def parse(self, value: object, where: Where) -> Any:
        wrongs = []
        for kind in self.types:
            try:
                return kind.parse(value, where)
            except BadRequest as wrong:
                wrongs.append(wrong)
        raise wrongs[-1]

    def schema(self) -> dict[str, object]:
        return {"anyOf": [kind.schema() for kind in self.types]}


@dataclass(frozen=True)
class Ip(Type[str]):
    """An IPv4 or IPv6 address, in its canonical form; `version` 4 or 6 narrows it."""

    version: int = 0

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.String(45)

    def parse(self, value: object, where: Where) -> str:
        if isinstance(value, str):
            try:
                found = ipaddress.ip_address(value)
            except ValueError:
                found = None
            if found is not None and self.version in (0, found.version) and "%" not in value:
                return str(found)
        raise where.wrong(
            value, f"an IPv{self.version} address" if self.version else "an IP address"
        )

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": f"ipv{self.version}" if self.version else "ip"}


class Cidr(Type[str]):
    """A network with its prefix length, host bits cleared."""

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.String(64)

    def parse(self, value: object, where: Where) -> str:
        if isinstance(value, str) and "%" not in value:
            try:
                return str(ipaddress.ip_network(value, strict=False))
            except ValueError:
                pass
        raise where.wrong(value, "a network in CIDR notation, such as 10.0.0.0/24")

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "cidr"}


class Mac(Type[str]):
    """A unicast MAC address, in lower case with colons."""

    def column(self) -> sa.types.TypeEngine[Any]:
        return sa.String(17)

    def parse(self, value: object, where: Where) -> str:
        if isinstance(value, str) and re.fullmatch(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}", value):
            found = value.lower().replace("-", ":")
            if not int(found[:2], 16) & 1 and found != "00:00:00:00:00:00":
                return found
        raise where.wrong(value, "a MAC address, such as fa:16:3e:00:00:01")

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "mac"}
