"""The sinks: where predictions go. One file for each kind, one row here."""

from __future__ import annotations

import importlib
from typing import NamedTuple, Protocol

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.types import Frame, Prediction


class Sink(Protocol):
    """Takes each frame with its prediction; `close` flushes."""

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Take one result."""
        ...

    def close(self) -> None:
        """Flush and free."""
        ...


class SinkKind(NamedTuple):
    """Who implements a kind of sink, and whether it takes a file after a colon."""

    module: str
    type: str
    needs_target: bool


SINKS: dict[str, SinkKind] = {
    "jsonl": SinkKind("edgevision_runtime.sinks.jsonl", "JsonLinesSink", False),
    "video": SinkKind("edgevision_runtime.sinks.video", "VideoSink", True),
    "null": SinkKind("edgevision_runtime.sinks.null", "NullSink", False),
    "display": SinkKind("edgevision_runtime.sinks.display", "DisplaySink", False),
}


def open_sink(text: str, preprocess: Preprocess) -> Sink:
    """Open a sink from its text: `jsonl` (stdout), `jsonl:FILE`, `video:FILE.mp4`, `null` or `display`.

    Raises:
        UsageError: no such sink, or a file missing where one is needed.
    """
    name, _, target = text.partition(":")
    if name not in SINKS:
        raise UsageError(f"sink {name!r}", expected=" | ".join(SINKS))
    kind = SINKS[name]
    if kind.needs_target and not target:
        raise UsageError(f"sink {name} needs a file", expected=f"{name}:FILE")
    sink: Sink = getattr(importlib.import_module(kind.module), kind.type)(target or None, preprocess)
    return sink
