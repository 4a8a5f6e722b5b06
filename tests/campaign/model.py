"""What a client was told, and therefore what must be so in the end."""

from dataclasses import dataclass, field
from typing import Any

DOUBT = object()  # a value that a broken call may have changed or not


@dataclass
class Thing:
    """Something that a client had made."""

    kind: str  # "server", "port", …
    id: str
    state: str = "there"  # "there"; "gone" once a delete was acknowledged; "doubt" once one was not
    values: dict[str, Any] = field(default_factory=dict)  # what the last acknowledged change said
    told: str = "acknowledged"  # how it is known of


class Model:
    """One client's things. Names of things whose creation is in doubt are kept too."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.doubtful: set[tuple[str, str]] = set()  # kind and name
        self.unsought: list[tuple[str, str]] = []  # those that were not looked for yet

    def doubt(self, kind: str, name: str) -> None:
        """Something of this name may have been made."""
        self.doubtful.add((kind, name))
        self.unsought.append((kind, name))

    def made(self, kind: str, id: str, **values: Any) -> Thing:
        thing = self.things[id] = Thing(kind, id, values=values)
        return thing

    def there(self, kind: str) -> list[Thing]:
        """What can be worked with, oldest first."""
        return [t for t in self.things.values() if t.kind == kind and t.state == "there"]

    def gone(self, kind: str) -> list[Thing]:
        return [t for t in self.things.values() if t.kind == kind and t.state == "gone"]
