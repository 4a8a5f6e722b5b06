"""The config drive: a small ISO 9660 file, labelled config-2, that cloud-init reads."""

import base64
import binascii
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pileus.core.backend import Broken, Refused
from pileus.host.command import run
from pileus.host.place import HostError

LABEL = "config-2"
_CODED = ";base64"


def write_drive(target: Path, files: Mapping[str, str]) -> None:
    """Make `target` an ISO with these files (path inside the drive → text), in one step.

    The path of a file that is not text ends in ;base64, which says how its bytes are written.
    Raises Refused for a path that leaves the drive, Broken when it cannot be written.
    """
    # Of a fixed name, so that what a killed process left behind is swept up by the next.
    work = target.with_name(f"{target.name}.new")
    try:
        shutil.rmtree(work, ignore_errors=True)
        tree, new = work / "tree", work / "iso"
        tree.mkdir(parents=True)
        for name, text in files.items():
            path = PurePosixPath(name.removesuffix(_CODED))
            if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
                raise Refused(f"The config drive cannot hold {name!r}: paths are relative.")
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(_bytes(name, text))
        try:
            run(
                *("genisoimage", "-quiet", "-o", str(new), "-ldots", "-allow-lowercase"),
                *("-allow-multidot", "-l", "-V", LABEL, "-publisher", "Pileus", "-r", "-J"),
                str(tree),
            )
        except HostError as error:
            raise Broken(f"The config drive cannot be written: {error}") from error
        new.replace(target)
    except OSError as error:
        raise Broken(f"The config drive {target} cannot be written: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _bytes(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if name.endswith(_CODED) else text.encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Refused(f"The config drive's file {name!r} cannot be written: {error}.") from error
