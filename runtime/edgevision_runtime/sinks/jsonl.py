"""One JSON line for each result and event, on stdout or into a file."""

from __future__ import annotations

import json

from edgevision_runtime.messages import Event, Message, Result
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.sinks.document import to_document
from edgevision_runtime.sinks.lines import LineWriter


class JsonLinesSink:
    """Writes each line at once; see `LineWriter` for what happens on a full disk and at a pipe."""

    needs_image = False

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        self._lines = LineWriter(target, is_live=setup.is_live)

    def write(self, result: Result) -> None:
        """Write one line."""
        self._write(result)

    def tell(self, event: Event) -> None:
        """Write one line."""
        self._write(event)

    def close(self) -> None:
        """Close the file; stdout stays open."""
        self._lines.close()

    def _write(self, message: Message) -> None:
        self._lines.write(json.dumps(to_document(message), ensure_ascii=False) + "\n")
