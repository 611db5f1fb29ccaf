"""Read the small files of /sys and /proc; what cannot be read says why."""

from __future__ import annotations

from pathlib import Path


class Unreadable(Exception):
    """A value that cannot be read on this machine; the text says why."""


def read_text(path: Path) -> str:
    """The file without surrounding space. Raises Unreadable."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:  # also what a driver answers for a sensor that is switched off
        raise Unreadable(f"{path}: {error.strerror}") from error


def read_number(path: Path, base: int = 10) -> int:
    """The whole number that the file holds. Raises Unreadable."""
    text = read_text(path)
    try:
        return int(text, base)
    except ValueError as error:
        raise Unreadable(f"{path}: {text[:40]!r} is not a number") from error


def find(root: Path, pattern: str) -> list[Path]:
    """The files below `root` that fit, in the order of their names."""
    return sorted(root.glob(pattern))


def named_hwmon(root: Path, names: frozenset[str]) -> list[Path]:
    """The folders of the hardware monitors with one of these names."""
    return [path.parent for path in find(root, "sys/class/hwmon/hwmon*/name") if _text_or_none(path) in names]


def _text_or_none(path: Path) -> str | None:
    try:
        return read_text(path)
    except Unreadable:
        return None
