"""The sinks: where predictions go. One file for each kind, one row here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from edgevision_runtime.atomic import refuse_to_overwrite
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import Event, Result


class SinkUnavailable(Exception):
    """The place cannot take it now and may take it later, such as a broker that is down; the text says why."""


class Sink(Protocol):
    """Takes results and events, called by one thread.

    Raises:
        UsageError: the place cannot be written, such as on a full disk.
        SinkUnavailable: it cannot now; it may later.
        BrokenPipeError: nobody reads any more.
    """

    needs_image: bool  # whether it looks at the pictures of results

    def write(self, result: Result) -> None:
        """Take one result; a sink that is given events only is never asked to."""
        ...

    def tell(self, event: Event) -> None:
        """Take one event."""
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
class SinkSetup:
    """What a sink may need to know of the run."""

    task: str = "classify"
    labels: tuple[str, ...] = ()
    model: str = ""  # title of the first model
    cameras: tuple[str, ...] = ()  # their names
    fps: float | None = None  # of the source; None: not known
    is_live: bool = False  # frames come whether or not anyone takes them
    force: bool = False  # overwrite files


@contextmanager
def open_sinks(texts: Sequence[str], setup: SinkSetup) -> Iterator[list[Sink]]:
    """Open several sinks, and close every one of them, whatever happens to the others.

    Raises:
        UsageError: one that cannot be, a file that is there already (without `setup.force`), or two for the same place.
    """
    _refuse_the_same_place(texts)
    for target in (text.partition(":")[2] for text in texts):
        if target and Path(target).is_file():  # a pipe or a device may be there
            refuse_to_overwrite(Path(target), force=setup.force)
    with ExitStack() as stack:
        sinks = []
        for text in texts:
            sink = open_sink(text, setup)
            stack.callback(sink.close)
            sinks.append(sink)
        yield sinks


def open_sink(text: str, setup: SinkSetup) -> Sink:
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
    sink: Sink = getattr(importlib.import_module(kind.module), kind.type)(target or None, setup)
    return sink


def _refuse_the_same_place(texts: Sequence[str]) -> None:
    places = [str(Path(target).resolve()) if target else name for name, _, target in (t.partition(":") for t in texts)]
    for position, place in enumerate(places):
        if place in places[:position]:
            raise UsageError(f"two sinks write to {texts[position]}", expected="a place of its own for each")
