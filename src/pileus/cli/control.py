"""Asking a running cloud, as its operator."""

import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import click

from .. import settings
from ..config import Config


def ask(state: Path, path: str, seconds: float = 60, method: str = "GET") -> Any:
    """The JSON at an operator's path of the running cloud. Raises ClickException."""
    config = configured(state)
    try:
        key = (state / "control.key").read_text()
    except FileNotFoundError:
        raise click.ClickException(_no_answer(state, "it has never come up")) from None
    request = urllib.request.Request(  # noqa: S310
        config.base_url + path, headers={"X-Pileus-Key": key}, method=method
    )
    context = None
    if config.tls_cert:
        context = ssl.create_default_context(cafile=str(config.tls_cert))
        context.check_hostname = False  # the file itself is what is trusted
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # A proxy of the environment has no business between this machine and itself.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=seconds) as answer:
            return json.load(answer)
    except HTTPError as wrong:
        raise click.ClickException(_said(path, wrong)) from wrong
    except (URLError, OSError) as wrong:
        raise click.ClickException(_no_answer(state, str(wrong))) from wrong


def _said(path: str, wrong: HTTPError) -> str:
    """What the cloud says of a request that it refuses, without what is for programs."""
    text = wrong.read().decode()
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{path}: {wrong.code} {text}"


def _no_answer(state: Path, why: str) -> str:
    return f"The cloud in {state} does not answer ({why}); `pileus up --state {state}` starts it."


def configured(state: Path) -> Config:
    """The settings of the cloud in `state`. Raises ClickException where there is none."""
    if not settings.exists(state):
        raise click.ClickException(
            f"There is no cloud in {state}; `pileus up --state {state}` makes one."
        )
    return settings.load(state)
