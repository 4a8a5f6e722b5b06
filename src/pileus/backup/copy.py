"""What is known of a database's copy, and what a copy leaves behind of the time it was made."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Copy:
    """Its newest migration, rows by table, and the images that have bytes."""

    schema: str
    counts: dict[str, int]
    images: tuple[str, ...]


SCHEMA = "SELECT version_num FROM alembic_version"
STORED = "SELECT id FROM images WHERE status IN ('active', 'deactivated')"
# Bytes that are on their way stay behind, and so do the claims of processes.
SETTLE = (
    "UPDATE images SET status = 'queued', upload = '', staged = NULL WHERE upload != ''",
    "UPDATE flows SET lease_until = NULL",
    "DELETE FROM leases",
    "DELETE FROM processes",
)
