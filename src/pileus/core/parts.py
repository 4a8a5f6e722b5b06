"""What a process is made of: one object of each kind, put together by `pileus.app`."""

from typing import TypeVar, cast

T = TypeVar("T")


class Parts:
    """Objects by their type, so that lower floors need not know how they are made."""

    def __init__(self, *parts: object) -> None:
        self._parts: dict[type, object] = {}
        for part in parts:
            self.add(part)

    def add(self, part: object, kind: type | None = None) -> None:
        """Add a part, under `kind` or its own type."""
        self._parts[kind or type(part)] = part

    def __getitem__(self, kind: type[T]) -> T:
        try:
            return cast(T, self._parts[kind])
        except KeyError:
            raise LookupError(f"BUG: this process was built without a {kind.__name__}") from None

    def find(self, kind: type[T]) -> T | None:
        """The part of this kind, if the process has one."""
        return cast(T | None, self._parts.get(kind))
