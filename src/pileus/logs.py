"""The logs of a cloud's processes, kept within a bound however long they run."""

import os
import shutil
from pathlib import Path

BOUND = 16 << 20  # bytes a file; the part before is kept beside it, of the same size at most


def bound(folder: Path, most: int = BOUND) -> None:
    """Move what stands in every log that has outgrown `most` bytes to NAME.log.1.

    Their writers append, and so go on in the emptied file; they need not be told.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > most:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
