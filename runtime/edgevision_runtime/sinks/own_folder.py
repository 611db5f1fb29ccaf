"""A folder that a sink has for itself, and what files in it take of the disk."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from edgevision_runtime.errors import UsageError

_BLOCK_BYTES = 4096  # which a file takes at least


def lock_folder(folder: Path, what: str) -> IO[str]:
    """Make the folder and keep other processes out of it until the returned file is closed.

    Raises:
        UsageError: it cannot be written, or another process has it; `what` says what the folder is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / ".lock").open("a", encoding="ascii")
    except OSError as error:
        raise UsageError(f"{what} {folder} cannot be written: {error.strerror}", expected="a folder") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise UsageError(f"{what} {folder} is in use", expected="a folder of its own for each run and sink") from error
    return held


def size_on_disk(size_bytes: int) -> int:
    """Bytes that a file of this size takes, in whole blocks."""
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
