"""The frames in a folder: a picture with what was said of it beside, by day, the oldest out when there is no room."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from edgevision_runtime.atomic import atomic_file
from edgevision_runtime.sinks import MessageRefused
from edgevision_runtime.sinks.document import timestamp
from edgevision_runtime.sinks.own_folder import lock_folder, size_on_disk

SUFFIXES = ("jpg", "png")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_STEM = r"\d{8}T\d{9}Z_[A-Za-z0-9_-]+"
_OURS = re.compile(rf"({_STEM})\.(?:jpg|png|json)")
_HALF = re.compile(rf"\.{_STEM}\.(?:jpg|png|json)\.\d+\.part")


class Pair(NamedTuple):
    """A picture and its document, as far as they are there."""

    day: str
    stem: str
    size_bytes: int  # on disk


class SavedFrames:
    """Adds pairs, and deletes what this class has written when the quota is reached; never anything else.

    Names begin with the time (UTC), so that they sort by it: `2026-01-31/20260131T235959123Z_gate_red.jpg`. A picture
    is written whole before its document, each beside and then renamed: a document always has its picture.
    """

    def __init__(self, folder: Path, quota_bytes: int, on_delete: Callable[[str], None] = lambda stem: None) -> None:
        """`on_delete` hears the stem of what is deleted. Raises UsageError when it cannot be written, or is in use."""
        self._folder, self._quota_bytes, self._on_delete = folder, quota_bytes, on_delete
        self._lock = lock_folder(folder, "folder")
        sizes: dict[tuple[str, str], int] = {}
        for file in (file for day in folder.iterdir() if _DAY.fullmatch(day.name) for file in day.iterdir()):
            name = _OURS.fullmatch(file.name)
            if name is not None:
                key = file.parent.name, name[1]
                sizes[key] = sizes.get(key, 0) + size_on_disk(file.stat().st_size)
            elif _HALF.fullmatch(file.name):
                file.unlink()
        pairs = (Pair(day, stem, size_bytes) for (day, stem), size_bytes in sizes.items())
        self._pairs = deque(sorted(pairs, key=lambda pair: pair.stem))
        self._size_bytes = sum(pair.size_bytes for pair in self._pairs)

    def add(self, picture: str, content: bytes, document: bytes) -> Path:
        """Write a picture, whose name has a stem of `stem`, and its document; return where the picture is.

        Raises:
            UsageError: it cannot be written.
            MessageRefused: it is larger than the quota.
        """
        size_bytes = size_on_disk(len(content)) + size_on_disk(len(document))
        if size_bytes > self._quota_bytes:
            raise MessageRefused(f"a picture of {size_bytes} bytes is larger than the quota")
        while self._pairs and self._size_bytes + size_bytes > self._quota_bytes:
            self._delete(self._pairs.popleft())
        day = f"{picture[:4]}-{picture[4:6]}-{picture[6:8]}"
        path = self._folder / day / picture
        with atomic_file(path) as temporary:
            temporary.write_bytes(content)
        self._pairs.append(Pair(day, path.stem, size_bytes))
        self._size_bytes += size_bytes
        with atomic_file(path.with_suffix(".json")) as temporary:
            temporary.write_bytes(document)
        return path

    def stem(self, at: float, name: str) -> str:
        """The name of a pair without suffix, one that is not taken."""
        moment = re.sub(r"[-:.]", "", timestamp(at))
        stem, count = f"{moment}_{name}", 1
        taken = {pair.stem for pair in self._latest()}
        while stem in taken:
            count += 1
            stem = f"{moment}_{name}-{count}"
        return stem

    def documents(self, newest: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """(stem, document) of up to so many pairs, the oldest of them first; what cannot be read is passed over."""
        for pair in list(self._pairs)[-newest:]:
            with suppress(OSError, ValueError):
                document = json.loads((self._folder / pair.day / f"{pair.stem}.json").read_bytes())
                if isinstance(document, dict):
                    yield pair.stem, document

    def close(self) -> None:
        """Let another run use the folder."""
        self._lock.close()

    def _latest(self) -> list[Pair]:
        """Those that may be of the same millisecond."""
        return [self._pairs[-back] for back in range(1, min(len(self._pairs), 100) + 1)]

    def _delete(self, pair: Pair) -> None:
        day = self._folder / pair.day
        for suffix in ("json", *SUFFIXES):
            (day / f"{pair.stem}.{suffix}").unlink(missing_ok=True)
        self._on_delete(pair.stem)
        self._size_bytes -= pair.size_bytes
        if day.is_dir() and not any(day.iterdir()):
            day.rmdir()
