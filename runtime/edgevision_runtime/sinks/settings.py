"""What the settings of sinks share, beyond those of cameras: switches, sizes, secrets in files."""

from __future__ import annotations

from pathlib import Path

from edgevision_runtime.errors import UsageError


def yes_or_no(text: str) -> bool:
    """`1` or nothing at all for yes, `0` for no. Raises ValueError."""
    if text not in ("", "0", "1"):
        raise ValueError("0 or 1")
    return text != "0"


def megabytes(text: str) -> int:
    """Bytes. Raises ValueError."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ValueError("a whole number of megabytes, 1 or more")
    return int(text) * 1_000_000


def read_secret(file: str) -> str:
    """What stands in a file, without the end of its line. Raises UsageError when it cannot be read, or is empty."""
    try:
        secret = Path(file).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {getattr(error, 'strerror', error)}") from error
    if not secret:
        raise UsageError(f"{file} is empty", expected="a secret in one line")
    return secret
