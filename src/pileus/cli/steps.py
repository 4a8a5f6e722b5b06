"""Progress, as a person likes to see it: what is being done, and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print `what` when it starts and its time when it is done."""
    begun = time.perf_counter()
    click.echo(f"  … {what}", nl=False)
    try:
        yield
    except BaseException:
        click.echo(f"\r  ✗ {what}")
        raise
    click.echo(f"\r  ✓ {what} ({time.perf_counter() - begun:.1f} s)")
