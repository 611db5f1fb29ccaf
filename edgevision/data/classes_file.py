"""classes.txt: the names of a data set's classes, one a line; the first is class 0. layouts.py reads it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

CLASSES = "classes.txt"


def write_classes(root: Path, labels: Iterable[str]) -> None:
    """Name the classes of the data set in a folder."""
    (root / CLASSES).write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
