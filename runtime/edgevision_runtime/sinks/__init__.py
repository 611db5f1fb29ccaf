"""The sinks: where predictions go. One file for each kind, one row here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from edgevision_runtime.atomic import refuse_to_overwrite
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.types import Frame, Prediction


class Sink(Protocol):
    """Takes each frame with its prediction; `close` flushes.

    Raises:
        UsageError: the place cannot be written, such as on a full disk.
        BrokenPipeError: nobody reads any more.
    """

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Take one result."""
        ...

    def close(self) -> None:
        """Flush and free."""
        ...


class SinkKind(NamedTuple):
    """Who implements a kind of sink, and what may stand after its colon: a file that must, that may, or nothing."""

    module: str
    type: str
    target: str  # needed | optional | none


SINKS: dict[str, SinkKind] = {
    "jsonl": SinkKind("edgevision_runtime.sinks.jsonl", "JsonLinesSink", "optional"),
    "video": SinkKind("edgevision_runtime.sinks.video", "VideoSink", "needed"),
    "null": SinkKind("edgevision_runtime.sinks.null", "NullSink", "none"),
    "display": SinkKind("edgevision_runtime.sinks.display", "DisplaySink", "none"),
}


@dataclass(frozen=True)
class Stream:
    """What a sink must know of the frames that it will be given."""

    preprocess: Preprocess
    fps: float | None = None  # of the source; None: not known


@contextmanager
def open_sinks(texts: Sequence[str], stream: Stream, *, force: bool = False) -> Iterator[list[Sink]]:
    """Open several sinks, and close every one of them, whatever happens to the others.

    Raises:
        UsageError: one that cannot be, a file that is there already (without `force`), or two for the same place.
    """
    _refuse_the_same_place(texts)
    for target in (text.partition(":")[2] for text in texts):
        if target and Path(target).is_file():  # a pipe or a device may be there
            refuse_to_overwrite(Path(target), force=force)
    with ExitStack() as stack:
        sinks = []
        for text in texts:
            sink = open_sink(text, stream)
            stack.callback(sink.close)
            sinks.append(sink)
        yield sinks


def open_sink(text: str, stream: Stream) -> Sink:
    """Open a sink from its text: `jsonl` (stdout), `jsonl:FILE`, `video:FILE.mp4`, `null` or `display`.

    Raises:
        UsageError: no such sink, a file missing where one is needed, or one that cannot be written.
    """
    name, _, target = text.partition(":")
    if name not in SINKS:
        raise UsageError(f"sink {name!r}", expected=" | ".join(SINKS))
    kind = SINKS[name]
    if kind.target == "needed" and not target:
        raise UsageError(f"sink {name} needs a file", expected=f"{name}:FILE")
    if kind.target == "none" and target:
        raise UsageError(f"sink {name} takes no file", expected=name)
    sink: Sink = getattr(importlib.import_module(kind.module), kind.type)(target or None, stream)
    return sink


def _refuse_the_same_place(texts: Sequence[str]) -> None:
    places = [str(Path(target).resolve()) if target else name for name, _, target in (t.partition(":") for t in texts)]
    for position, place in enumerate(places):
        if place in places[:position]:
            raise UsageError(f"two sinks write to {texts[position]}", expected="a place of its own for each")
