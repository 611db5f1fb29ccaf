"""Writes whole lines to stdout or a file: each at once, none ever half where that can be helped."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from pathlib import Path
from typing import TextIO

from edgevision_runtime.errors import UsageError
from edgevision_runtime.sinks import SinkUnavailable


class LineWriter:
    """Writes a line with one call of the system, so that a reader at the other end of a pipe sees it at once.

    When a disk is full after half a line, the half is cut off again, or ended, and the next line begins on its own. A
    named pipe is opened when there is something to write: while a run is live, nobody reading it is no fault.
    """

    def __init__(self, target: str | None, *, is_live: bool) -> None:
        self._name = target or "stdout"
        self._path = Path(target) if target else None
        self._is_live = is_live
        self._is_mid_line = False
        self._descriptor: int | None = None
        self._stream: TextIO | None = None
        if self._path is None:
            self._use_stdout()
        elif not self._path.is_fifo():
            self._descriptor = self._open(os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    @property
    def is_open(self) -> bool:
        """Whether there is somebody to write to; a named pipe may have to wait for that."""
        return self._descriptor is not None or self._stream is not None

    def write(self, line: str) -> None:
        """Write `line` (or several; ends with a newline).

        Raises:
            UsageError: it cannot be written.
            SinkUnavailable: nobody reads the named pipe of a live run.
            BrokenPipeError: nobody reads any more.
        """
        if self._stream is not None:
            self._stream.write(line)
            return
        try:
            self._write(line.encode("utf-8", "backslashreplace"))  # a name that is no UTF-8 stays valid JSON
        except BrokenPipeError:
            if self._path is None or not self._is_live:
                raise
            self.close()
            raise SinkUnavailable(f"nobody reads {self._name} any more") from None
        except OSError as error:
            raise UsageError(f"{self._name} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; stdout stays open."""
        if self._descriptor is not None and self._path is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _use_stdout(self) -> None:
        if sys.stdout is None:
            raise UsageError("stdout is closed", expected="--sink jsonl:FILE")
        try:
            sys.stdout.flush()
            self._descriptor = sys.stdout.fileno()  # past Python's buffer, which a blocked write would hold
        except OSError:  # replaced by something in memory, as in a test
            self._stream = sys.stdout

    def _open(self, flags: int) -> int:
        assert self._path is not None
        try:
            return os.open(self._path, os.O_WRONLY | flags, 0o666)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise SinkUnavailable(f"nobody reads {self._name}") from error
            raise UsageError(f"{self._name} cannot be written: {error.strerror}") from error

    def _write(self, line: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = self._open(os.O_NONBLOCK if self._is_live else 0)
            os.set_blocking(self._descriptor, True)
        data = b"\n" + line if self._is_mid_line else line
        written = 0
        try:
            while written < len(data):
                written += self._write_some(data[written:])
        except OSError:
            if written and not self._cut_back(written):
                self._is_mid_line = True
            raise
        self._is_mid_line = False

    def _write_some(self, data: bytes) -> int:
        assert self._descriptor is not None
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # a stdout that another process made so
            select.select([], [self._descriptor], [])
            return 0

    def _cut_back(self, written: int) -> bool:
        """Take a half line away again; False where the file cannot be shortened."""
        assert self._descriptor is not None
        state = os.fstat(self._descriptor)
        if not stat.S_ISREG(state.st_mode):
            return False
        os.ftruncate(self._descriptor, max(0, state.st_size - written))
        return True
