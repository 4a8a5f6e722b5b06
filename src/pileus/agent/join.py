"""Joining a control plane, and leaving it."""

from typing import TypeVar

import msgspec

from ..hosts import certificates
from ..hosts.frames import BadFrame, Closed, Frames
from ..hosts.messages import (
    AskAuthority,
    Authority,
    FromControl,
    Join,
    Joined,
    Leave,
    Left,
    Refused,
)
from ..hosts.refusal import Refusal
from ..hosts.timing import Timing
from ..hosts.tokens import Token
from .connection import Unreachable, blind, connect, context, trusting
from .identity import Identity

A = TypeVar("A", bound=msgspec.Struct)


async def join(identity: Identity, token: Token, timing: Timing) -> None:
    """Have this host's key signed. It may be repeated. Raises Refusal, Unreachable.

    Nothing is told to the control plane before its authority has shown the token's fingerprint.
    """
    frames = await connect(identity.server, blind(), timing)
    try:
        authority = await _answer(frames, AskAuthority(), Authority)
    finally:
        frames.close("asked")
    try:
        shown = certificates.fingerprint(authority.certificate)
    except ValueError:
        shown = ""
    if shown != token.fingerprint:
        raise Refusal(
            f"Who answers at {identity.server} is not the control plane that made this token: its"
            f" authority has the fingerprint {shown or 'of nothing'}, and the token says"
            f" {token.fingerprint}. The token has not been shown to it."
        )
    frames = await connect(identity.server, trusting(authority.certificate), timing)
    try:
        asked = Join(
            token.id,
            token.secret,
            identity.id,
            identity.name,
            certificates.request(identity.joining_key(), identity.id),
        )
        answer = await _answer(frames, asked, Joined)
    finally:
        frames.close("joined")
    identity.joined(answer.certificate, authority.certificate)


async def leave(identity: Identity, timing: Timing) -> None:
    """Have the control plane forget this host. Raises Refusal, Unreachable."""
    frames = await connect(identity.server, context(identity), timing)
    try:
        await _answer(frames, Leave(), Left)
    finally:
        frames.close("left")


async def _answer(frames: Frames[FromControl], message: msgspec.Struct, kind: type[A]) -> A:
    try:
        frames.post(message)
        while True:
            found = await frames.receive()
            if isinstance(found, kind):
                return found
            if isinstance(found, Refused):
                raise Refusal(found.reason, found.final)
    except (Closed, BadFrame) as problem:
        raise Unreachable(f"The control plane ended the conversation: {problem}.") from None
