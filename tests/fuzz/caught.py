"""Exceptions that the cloud logs while a test runs."""

import logging
import traceback
from types import TracebackType


class Caught(logging.Handler):
    """Keeps the last lines of every traceback that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: list[str] = []

    def __enter__(self) -> "Caught":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            lines = traceback.format_exception(*record.exc_info)
            self._told.append("".join(lines[-3:])[-900:])

    def take(self) -> str:
        """What has been told since the last call."""
        told, self._told = self._told, []
        return "\n".join(dict.fromkeys(told))
