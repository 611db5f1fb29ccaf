"""One JSON line for each result and event, on stdout or into a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import Event, Message, Result
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.sinks.document import to_document


class JsonLinesSink:
    """Writes a line and flushes it, so that a reader at the other end of a pipe sees it at once."""

    needs_image = False

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        self._name = target or "stdout"
        if target is None and sys.stdout is None:
            raise UsageError("stdout is closed", expected="--sink jsonl:FILE")
        with self._writing():
            self._file = Path(target).open("w", encoding="utf-8") if target else sys.stdout  # noqa: SIM115

    def write(self, result: Result) -> None:
        """Write one line."""
        self._write(result)

    def tell(self, event: Event) -> None:
        """Write one line."""
        self._write(event)

    def close(self) -> None:
        """Close the file; stdout stays open."""
        if self._file is not sys.stdout:
            with self._writing():
                self._file.close()

    def _write(self, message: Message) -> None:
        with self._writing():
            self._file.write(json.dumps(to_document(message), ensure_ascii=False) + "\n")
            self._file.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"{self._name} cannot be written: {error.strerror}") from error
