"""The cursor of connections to PostgreSQL. Imported only where there are such connections."""

from typing import Any

import psycopg


class Cursor(psycopg.Cursor[Any]):
    """Says of its columns what SQLAlchemy reads, names and types: psycopg's own says far more."""

    @property
    def description(self) -> Any:
        """The columns of the result; None where there is none."""
        result = self.pgresult
        if result is None or not result.nfields:
            return None
        return [
            ((result.fname(n) or b"").decode(), result.ftype(n), None, None, None, None, None)
            for n in range(result.nfields)
        ]
