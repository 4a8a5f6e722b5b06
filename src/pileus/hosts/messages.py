"""What an agent and the control plane say to each other: docs/agent.md describes the order.

Each message is a MessagePack array that begins with its name. A reader ignores values at the end
of the array that it does not know, so a newer version may add some; anything else that changes
needs a new PROTOCOL.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from ..core.desired import Report, Wanted

PROTOCOL = 1


class _Message(msgspec.Struct, array_like=True, tag=str.lower):
    pass


class AskAuthority(_Message):
    """Before joining: which authority signs here? The answer proves nothing by itself."""


class Authority(_Message):
    """The certificate of the authority, in PEM."""

    certificate: str


class Join(_Message):
    """Sign this request, please: the token says that I may ask."""

    token: str
    secret: str
    host_id: str
    name: str
    request: str  # PEM
    protocol: int = PROTOCOL


class Joined(_Message):
    """Welcome among the hosts."""

    name: str
    certificate: str  # PEM


class Hello(_Message):
    """The first message of a session. `session` is the number of this process's last one, or 0."""

    protocol: int
    host_id: str
    name: str
    instance: str  # of the process: two of them with one identity differ in this
    session: int
    revision: int  # all changes up to this one are known
    agent: str  # the agent's version
    facts: Mapping[str, Any]


class Welcome(_Message):
    """The session stands; changes after `revision` follow."""

    protocol: int
    session: int
    revision: int
    # The port of OVN's southbound database, at the same address; 0 in a simulated cloud.
    southbound: int = 0


class Refused(_Message):
    """No, and why. `final`: asking again will not help."""

    reason: str
    final: bool = False


class Changes(_Message):
    """Objects of this host that should be otherwise."""

    items: list[Wanted]


class Reports(_Message):
    """What was found of objects of this host."""

    number: int
    items: list[Report]


class Ack(_Message):
    """The reports of this number are written down, or were refused and need not come again."""

    number: int


class Facts(_Message):
    """What the host is and has now."""

    facts: Mapping[str, Any]


class Strays(_Message):
    """By kind the ids of objects that are on the host and were never wished for."""

    ids: dict[str, list[str]]


class Ask(_Message):
    """A guest's request to the metadata service."""

    number: int
    network: str
    caller: str
    method: str
    path: str
    headers: Mapping[str, str]


class Answer(_Message):
    """The answer to the guest."""

    number: int
    status: int
    media: str
    body: bytes


class Console(_Message):
    """The control plane wants a guest's console log."""

    number: int
    guest: str


class ConsoleLog(_Message):
    """The end of the log, at most CONSOLE_BYTES of it; `error` says why there is none."""

    number: int
    body: bytes
    error: str = ""


class Renew(_Message):
    """Sign the key that follows the present one."""

    request: str  # PEM


class Renewed(_Message):
    """The certificate of the new key."""

    certificate: str  # PEM


class Leave(_Message):
    """On a connection of its own: this host will not come back. Answered by Left or Refused."""


class Left(_Message):
    """The host is forgotten, and its certificates are revoked."""


class GetImage(_Message):
    """On a connection of its own: the bytes of an image that a guest here starts from."""

    image: str


class ImageBegin(_Message):
    """`size` bytes follow in Chunks, of a file in this format and with this SHA-512."""

    format: str
    size: int
    sha512: str = ""


class PutImage(_Message):
    """On a connection of its own: the bytes of an image that this host was asked to make."""

    image: str
    only_ask: bool = False  # no bytes follow, whatever the answer


class PutReady(_Message):
    """Whether the bytes are still wanted: then Chunks and a PutEnd follow."""

    wanted: bool


class PutEnd(_Message):
    """The hash of all that was sent, in hexadecimal digits. Answered by PutDone or Refused."""

    sha256: str


class PutDone(_Message):
    """The image has its bytes."""


class Chunk(_Message):
    """A piece of an image."""

    body: bytes


class Ping(_Message):
    """Are you there?"""


class Pong(_Message):
    """Yes."""


CONSOLE_BYTES = 512 << 10
MOST_UP = 1 << 20  # bytes in a message to the control plane
MOST_DOWN = 16 << 20  # bytes in a message to an agent
MOST_STRANGER = 16 << 10  # bytes in a message of one without a certificate

FromStranger: TypeAlias = AskAuthority | Join
FromAgent: TypeAlias = (
    Hello
    | Reports
    | Facts
    | Strays
    | Ask
    | ConsoleLog
    | Renew
    | Leave
    | GetImage
    | PutImage
    | PutEnd
    | Chunk
    | Ping
    | Pong
)
FromControl: TypeAlias = (
    Authority
    | Joined
    | Welcome
    | Refused
    | Changes
    | Ack
    | Answer
    | Console
    | Renewed
    | Left
    | ImageBegin
    | PutReady
    | PutDone
    | Chunk
    | Ping
    | Pong
)
