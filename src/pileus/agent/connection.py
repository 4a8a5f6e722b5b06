"""How a host reaches the control plane: TLS, and a certificate on both sides."""

import asyncio
import ssl

from ..hosts.door import said
from ..hosts.frames import Frames
from ..hosts.listener import parse
from ..hosts.messages import MOST_DOWN, FromControl
from ..hosts.timing import Timing
from .identity import Identity


class Unreachable(Exception):
    """The control plane cannot be reached, or is not the one that this host joined."""


def server_address(url: str) -> str:
    """ADDRESS:PORT of what a person may write: with or without https://. Raises ValueError."""
    text = url.strip().removeprefix("https://").removeprefix("pileus://").rstrip("/")
    parse(text)
    return text


def context(identity: Identity) -> ssl.SSLContext:
    """TLS with this host's certificate, to the control plane that it joined and no other."""
    made = _context()
    made.load_verify_locations(cafile=str(identity.authority))
    made.load_cert_chain(str(identity.certificate))
    return made


def trusting(authority: str) -> ssl.SSLContext:
    """TLS without an own certificate, to whoever the authority has signed for."""
    made = _context()
    made.load_verify_locations(cadata=authority)
    return made


def blind() -> ssl.SSLContext:
    """TLS to anybody: only to ask for what is then compared with a fingerprint."""
    made = _context()
    made.verify_mode = ssl.CERT_NONE
    return made


def _context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    # The authority signs for nobody else, so whichever address answers with its certificate for
    # servers is the control plane.
    made.check_hostname = False
    return made


async def connect(server: str, tls: ssl.SSLContext, timing: Timing) -> Frames[FromControl]:
    """A connection to the agent port. Raises Unreachable."""
    address, port = parse(server)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timing.connect):
            _, frames = await loop.create_connection(
                lambda: Frames[FromControl](FromControl, MOST_DOWN),
                address,
                port,
                ssl=tls,
                server_hostname=address,
            )
    except ssl.SSLCertVerificationError as problem:
        raise Unreachable(
            f"{server}: {said(problem)}; this is not the control plane that this host joined, or"
            " it was set up anew: join it again with a token of its own"
        ) from None
    except (OSError, TimeoutError) as problem:
        raise Unreachable(f"{server}: {said(problem)}") from None
    return frames
