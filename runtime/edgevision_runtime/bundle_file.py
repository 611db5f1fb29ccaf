"""The bytes of a bundle's file: copied into memory at once, or read piece by piece from the file that was opened.

It is never mapped: a file that becomes shorter under a mapping ends the process with SIGBUS.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, Union

from edgevision_runtime.errors import BundleError, UsageError

MAX_BUNDLE_BYTES = 2 << 30
Content = Union[bytes, memoryview]


class BundleFile(Protocol):
    """Where members are read from."""

    size_bytes: int

    def read(self, start: int, size_bytes: int) -> Content:
        """Bytes from `start` on, as many as asked for. Raises BundleError when they cannot be had."""
        ...

    def has_changed(self) -> bool:
        """Whether somebody wrote into it since it was opened: then what is read is not what it held."""
        ...

    def close(self) -> None:
        """Nothing will be read any more; may be called again."""
        ...


class OpenedFile:
    """Read when asked. What is read may differ from time to time, unless the file is only ever replaced as a whole."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when there is no such file, BundleError when it cannot be a bundle."""
        if not path.exists():
            raise UsageError(f"{path} is not there", expected="an .evb bundle")
        if not path.is_file():  # a pipe or a device may never end
            raise BundleError(path.name, "not a file", expected="an .evb file")
        self._name = path.name
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise _unreadable(path.name, error) from error
        self._state = self._now()
        self.size_bytes = self._state[0]
        if self.size_bytes > MAX_BUNDLE_BYTES:
            self.close()
            raise BundleError(path.name, f"{self.size_bytes} bytes", expected=f"at most {MAX_BUNDLE_BYTES}")

    def read(self, start: int, size_bytes: int) -> bytes:
        """See `BundleFile`; any thread may call it."""
        pieces, stop = [], start + size_bytes
        while start < stop:
            try:
                piece = os.pread(self._file.fileno(), stop - start, start)
            except OSError as error:
                raise _unreadable(self._name, error) from error
            if not piece:
                raise _shorter(self._name)
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def read_into(self, memory: memoryview) -> None:
        """Fill `memory` from the beginning of the file."""
        try:
            read_bytes = self._file.readinto(memory)
        except OSError as error:
            raise _unreadable(self._name, error) from error
        if read_bytes != len(memory):
            raise _shorter(self._name)

    def has_changed(self) -> bool:
        """See `BundleFile`; a file that took its place is another one."""
        return self._now() != self._state

    def close(self) -> None:
        """See `BundleFile`."""
        self._file.close()

    def _now(self) -> tuple[int, int]:
        facts = os.fstat(self._file.fileno())
        return facts.st_size, facts.st_mtime_ns


class CopiedFile:
    """The whole file in pages of its own: as `bytes` it would leave the allocator with 3 MB more once it is freed."""

    def __init__(self, path: Path) -> None:
        """Raises what `OpenedFile` raises."""
        import mmap  # here: a run reads piece by piece

        file = OpenedFile(path)
        try:
            self.size_bytes = file.size_bytes
            self._content = memoryview(mmap.mmap(-1, max(1, self.size_bytes), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            self._content = self._content[: self.size_bytes]
            file.read_into(self._content)
        finally:
            file.close()

    def read(self, start: int, size_bytes: int) -> memoryview:
        """See `BundleFile`; a view."""
        return self._content[start : start + size_bytes]

    def has_changed(self) -> bool:
        """See `BundleFile`; nobody can."""
        return False

    def close(self) -> None:
        """See `BundleFile`; the memory is freed with the last view of it."""


def _shorter(name: str) -> BundleError:
    return BundleError(name, "became shorter while it was read", expected="a file that stays")


def _unreadable(name: str, error: OSError) -> BundleError:
    return BundleError(name, f"cannot be read ({error.strerror})", expected="an .evb file")
