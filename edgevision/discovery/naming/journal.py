"""Every action, a line of JSON each, on the disk before it counts: a kill loses nothing that was answered.

{"schema": "edgevision.naming/1", "clusters": "…"}          whose clusters
{"at": "2026-11-20T10:00:00Z", "do": "name", "clusters": [3], "name": "cat"}
{"saved": "…"}                                              names.csv was written with this sha256
{"at": "…", "do": "undo"}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgevision_runtime.atomic import CANNOT_WRITE
from edgevision_runtime.errors import DataError, UsageError

SCHEMA = "edgevision.naming/1"
Line = dict[str, Any]


class Journal:
    """A file that only grows. `lines` are those that were read or written."""

    def __init__(self, path: Path, clusters: str) -> None:
        """`clusters` is the fingerprint of the clusters that it belongs to.

        Raises:
            DataError: it is broken, or belongs to others.
        """
        self.path, self._clusters = path, clusters
        self.lines: list[Line] = []
        self._size = 0
        self.read_again()

    def has_grown(self) -> bool:
        """Whether another program wrote to it since."""
        return self._size_on_disk() != self._size

    def read_again(self) -> None:
        """Read what is there. A last line that a kill cut off is taken away."""
        data = self.path.read_bytes() if self.path.is_file() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self.path, len(whole))
        lines = [self._parsed(number, line) for number, line in enumerate(whole.splitlines(), start=1)]
        if lines and lines[0].get("schema") != SCHEMA:
            raise DataError(f"{self.path} is no journal of names", expected=SCHEMA)
        if lines and lines[0].get("clusters") != self._clusters:
            raise DataError(
                f"{self.path} belongs to other clusters", hint=f"move it away to name these anew: {self.path.name}"
            )
        self.lines, self._size = lines[1:], len(whole)

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line, and the first one before it.

        Raises:
            UsageError: the place cannot be written.
        """
        line = dict(entry) if "saved" in entry else {"at": _now(), **entry}
        head = [] if self._size else [{"schema": SCHEMA, "clusters": self._clusters}]
        data = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [*head, line]).encode()
        try:
            with self.path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno in CANNOT_WRITE:
                raise UsageError(f"{self.path} cannot be written: {error.strerror}") from error
            raise
        self.lines.append(line)
        self._size += len(data)

    def _size_on_disk(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def _parsed(self, number: int, line: bytes) -> Line:
        try:
            found = json.loads(line)
        except ValueError as error:
            raise DataError(f"{self.path}, line {number}: {error}", expected="JSON, as it was written") from error
        if not isinstance(found, dict):
            raise DataError(f"{self.path}, line {number} is no object", expected="JSON, as it was written")
        return found


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
