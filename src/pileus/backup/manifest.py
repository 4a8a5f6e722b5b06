"""What a backup says of itself: the last member of the file, so a file cut short has none."""

from dataclasses import asdict, dataclass, field

import msgspec

NAME = "manifest.json"
FORMAT = 1


class BadBackup(ValueError):
    """The file is no backup, is damaged, or was made by a newer version."""


@dataclass(frozen=True)
class Member:
    """One file in the backup."""

    size: int
    sha256: str


@dataclass
class Manifest:
    """Versions, counts and every file's checksum."""

    pileus: str  # the version that made it
    schema: str  # the newest migration of its database
    database: str  # its kind: "sqlite", "postgresql"
    made_at: str
    images: bool  # whether images' bytes are in it
    counts: dict[str, int] = field(default_factory=dict)  # rows by table
    files: dict[str, Member] = field(default_factory=dict)
    format: int = FORMAT

    def dump(self) -> bytes:
        """As JSON."""
        return msgspec.json.format(msgspec.json.encode(asdict(self)), indent=1)

    @classmethod
    def load(cls, data: bytes) -> "Manifest":
        """Raises BadBackup."""
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as wrong:
            raise BadBackup(f"its {NAME} cannot be read: {wrong}") from None
