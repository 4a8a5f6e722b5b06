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


def ask(state: Path, path: str, seconds: float = 60) -> Any:
    """The JSON at an operator's path of the running cloud. Raises ClickException."""
    config = configured(state)
    key = (state / "control.key").read_text()
    request = urllib.request.Request(  # noqa: S310
        config.base_url + path, headers={"X-Pileus-Key": key}
    )
    context = None
    if config.tls_cert:
        context = ssl.create_default_context(cafile=str(config.tls_cert))
        context.check_hostname = False  # the file itself is what is trusted
    try:
        with urllib.request.urlopen(  # noqa: S310
            request, timeout=seconds, context=context
        ) as answer:
            return json.load(answer)
    except HTTPError as wrong:
        raise click.ClickException(f"{path}: {wrong.code} {wrong.read().decode()}") from wrong
    except (URLError, OSError) as wrong:
        raise click.ClickException(
            f"The cloud in {state} does not answer ({wrong}); `pileus up` starts it."
        ) from wrong


def configured(state: Path) -> Config:
    """The settings of the cloud in `state`. Raises ClickException where there is none."""
    if not settings.exists(state):
        raise click.ClickException(f"There is no cloud in {state}; `pileus up` makes one.")
    return settings.load(state)
