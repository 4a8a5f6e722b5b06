"""`pileus agent`."""

import click

from .agent_control import list_, remove, token
from .agent_host import down, join, leave, status, up


@click.group()
def agent() -> None:
    """Let other machines join as hosts (token, list, remove), and be one (the rest)."""


for each in (token, list_, remove, join, status, up, down, leave):
    agent.add_command(each)
