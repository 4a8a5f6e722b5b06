"""The command line. A command's module is imported only when that command is run."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from ..settings import Unreadable

# Each command's module has one public click command of the same name.
_COMMANDS: Mapping[str, str] = {
    "up": "Start the cloud; set it up first where it is not.",
    "down": "Stop the cloud; guests keep running unless --guests.",
    "status": "Say what runs, on what accelerator, and what is simulated.",
    "doctor": "Check this machine and name the command that mends each fault.",
    "audit": "Prove the invariants: nothing leaked, lost or used twice.",
    "explain": "Say why a server found no host, or how many of a flavor would fit.",
    "backup": "Write the whole control plane's state to one file, while it runs.",
    "restore": "Put a backup into an empty state directory.",
    "credentials": "Rotate the key that seals users' credentials.",
    "agent": "Let other machines join as hosts, and be such a host.",
    "tokens": "Look after the keys that tokens are made by.",
    "upgrade": "Let this version take over from the one that runs.",
    "sim": "Simulate thousands of hosts that join a simulated cloud.",
    "logs": "Show the log of the control plane.",
    "reset": "Bring the cloud back to its first start.",
    "uninstall": "Remove all that Pileus made and installed.",
    "definitions": "Load metadata definitions from a folder of JSON files.",
    "routes": "List every route of every service.",
}


class _Lazy(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"pileus.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the machine or a damaged file refuses is said in a sentence."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read the output has gone: click ends quietly
        except OSError as wrong:
            where = f"{wrong.filename}: " if wrong.filename else ""
            raise click.ClickException(f"{where}{wrong.strerror or wrong}") from None
        except Unreadable as wrong:
            raise click.ClickException(str(wrong)) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Pileus: a whole OpenStack cloud in one Python package."""


if __name__ == "__main__":
    main()
