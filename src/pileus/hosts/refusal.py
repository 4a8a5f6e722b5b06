"""Why a host is not let in."""


class Refusal(Exception):
    """A host is refused; the message says why. `final`: asking again will not help."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.final = reason, final
