"""The command `pileus` where a shell finds it, though a checkout's environment has it."""

import os
import shutil
import sys
from pathlib import Path

_LINK = Path("/usr/local/bin/pileus")


def put(link: Path = _LINK) -> bool:
    """Link to this environment's command where there is no `pileus` yet; true where it made one."""
    mine = _mine()
    dangling = link.is_symlink() and not link.exists()
    if not mine.exists() or not link.parent.is_dir():
        return False
    if not dangling and (link.exists() or shutil.which("pileus")):
        return False
    link.unlink(missing_ok=True)
    link.symlink_to(mine)
    return True


def take_away(link: Path = _LINK) -> None:
    """Remove the link where it is this environment's."""
    if link.is_symlink() and link.readlink() == _mine():
        link.unlink()


def word() -> str:
    """What to type for this environment's command."""
    found, mine = shutil.which("pileus"), _mine()
    if not mine.exists():
        return f"{sys.executable} -m pileus.cli"
    if found and os.path.samefile(found, mine):
        return "pileus"
    return str(mine)


def _mine() -> Path:
    return Path(sys.executable).parent / "pileus"
