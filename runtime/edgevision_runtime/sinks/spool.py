"""Messages that wait on disk: a file for each, delivered in order, the oldest out when there is no room."""

from __future__ import annotations

import re
import threading
from collections import deque
from pathlib import Path
from typing import NamedTuple

from edgevision_runtime.errors import UsageError
from edgevision_runtime.sinks.own_folder import lock_folder, size_on_disk

_NAME = re.compile(r"(\d{12})-([0-9a-f]{32})\.json")
_PART = ".part"


class Waiting(NamedTuple):
    """One message in the spool."""

    number: int
    identity: str
    size_bytes: int  # on disk


class Spool:
    """A folder that one process uses; what it holds outlives the process. Any thread may call.

    A file is written beside and renamed, so a process that is killed leaves none half. It is not forced onto the disk:
    a power cut may cost the last seconds, and an SD card lives longer.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Raises UsageError when it cannot be written, or another process uses it."""
        self.lost = 0  # messages that had to go
        self._folder, self._most_bytes = folder, most_bytes
        self._changing = threading.Lock()
        self._lock = lock_folder(folder, "spool")
        self._waiting: deque[Waiting] = deque()
        for file in sorted(folder.iterdir()):
            name = _NAME.fullmatch(file.name)
            if name is not None:
                self._waiting.append(Waiting(int(name[1]), name[2], size_on_disk(file.stat().st_size)))
            elif file.name.endswith(_PART) and _NAME.fullmatch(file.name[: -len(_PART)]):
                file.unlink()
        self._number = self._waiting[-1].number + 1 if self._waiting else 0
        self._size_bytes = sum(one.size_bytes for one in self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, identity: str, body: bytes) -> None:
        """Add one. Raises UsageError when the disk does not take it."""
        with self._changing:
            added = Waiting(self._number, identity, size_on_disk(len(body)))
            while self._waiting and self._size_bytes + added.size_bytes > self._most_bytes:
                self._forget(self._waiting[0])
                self.lost += 1
            path = self._path(added)
            temporary = path.with_name(path.name + _PART)
            try:
                temporary.write_bytes(body)
                temporary.replace(path)
            except OSError as error:
                temporary.unlink(missing_ok=True)
                raise UsageError(f"spool {self._folder} cannot be written: {error.strerror}") from error
            self._number += 1
            self._waiting.append(added)
            self._size_bytes += added.size_bytes

    def oldest(self) -> tuple[Waiting, bytes] | None:
        """The one to deliver next; None when there is none. One that the disk has lost is passed over."""
        while self._waiting:
            first = self._waiting[0]
            try:
                body = self._path(first).read_bytes()
            except OSError:
                body = b""
            if body:
                return first, body
            with self._changing:
                self._forget(first)
                self.lost += 1
        return None

    def remove(self, delivered: Waiting) -> None:
        """It needs no longer wait."""
        with self._changing:
            self._forget(delivered)

    def close(self) -> None:
        """Let another process use the folder."""
        self._lock.close()

    def _forget(self, one: Waiting) -> None:
        if self._waiting and self._waiting[0] is one:  # else it had to go meanwhile
            self._waiting.popleft()
            self._size_bytes -= one.size_bytes
            self._path(one).unlink(missing_ok=True)

    def _path(self, one: Waiting) -> Path:
        return self._folder / f"{one.number:012d}-{one.identity}.json"
