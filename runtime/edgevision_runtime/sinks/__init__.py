"""The sinks: where results and events go. One file for each kind, one row here."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from edgevision_runtime.atomic import refuse_to_overwrite
from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.messages import Event, Message, Result
from edgevision_runtime.redact import redact
from edgevision_runtime.types import ModelSpec


class SinkUnavailable(Exception):
    """The place cannot take it now and may take it later, such as a broker that is down; the text says why."""


class MessageRefused(Exception):
    """The place will never take this message and may take others; the text says why."""


class Sink(Protocol):
    """Takes results and events, opened, called and closed by one thread.

    Raises:
        UsageError: the place cannot be written, such as on a full disk.
        SinkUnavailable: it cannot now; it may later.
        MessageRefused: not this message.
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


@runtime_checkable
class AttendedSink(Protocol):
    """A sink that has work to do between messages, such as keeping a connection; while that fails, messages wait."""

    def attend(self) -> float:
        """Do it, and say in how many seconds to be called again. Raises as `write` does."""
        ...


@runtime_checkable
class HoldingSink(AttendedSink, Protocol):
    """An attended sink that itself keeps what it cannot deliver, and so takes messages also while that fails."""

    @property
    def lost(self) -> int:
        """Messages that it took and will never deliver."""
        ...

    def keep(self, message: Message) -> None:
        """Put a message where it outlives the process; any thread may call it. Raises UsageError."""
        ...


@runtime_checkable
class ObservingSink(Protocol):
    """A sink that may need to look at each result to find what it is there for, also where sinks get events only."""

    @property
    def needs_results(self) -> bool:
        """Whether it does."""
        ...


@runtime_checkable
class ChoosingSink(Protocol):
    """A sink that keeps some of the frames it is given."""

    saved: int  # frames that it kept


class SinkKind(NamedTuple):
    """Who implements a kind of sink, and what may stand after its colon."""

    module: str
    type: str
    target: str  # needed | optional | none
    form: str  # how it is written
    place: str = "file"  # what it writes to: file | folder | url


MQTT = "mqtt://HOST/TOPIC or mqtts://USER@HOST/TOPIC"
WEBHOOK = "webhook:https://HOST/PATH"
SINKS: dict[str, SinkKind] = {
    "jsonl": SinkKind("edgevision_runtime.sinks.jsonl", "JsonLinesSink", "optional", "jsonl:FILE"),
    "csv": SinkKind("edgevision_runtime.sinks.csv", "CsvSink", "optional", "csv:FILE"),
    "video": SinkKind("edgevision_runtime.sinks.video", "VideoSink", "needed", "video:FILE.mp4"),
    "mqtt": SinkKind("edgevision_runtime.sinks.mqtt", "MqttSink", "needed", MQTT, "url"),
    "mqtts": SinkKind("edgevision_runtime.sinks.mqtt", "MqttSink", "needed", MQTT, "url"),
    "webhook": SinkKind("edgevision_runtime.sinks.webhook", "open_webhook", "needed", WEBHOOK, "url"),
    "save": SinkKind("edgevision_runtime.sinks.save", "SaveSink", "needed", "save:FOLDER?when=low&below=0.6", "folder"),
    "null": SinkKind("edgevision_runtime.sinks.null", "NullSink", "none", "null"),
    "display": SinkKind("edgevision_runtime.sinks.display", "DisplaySink", "none", "display"),
}


def _tell_nobody(event: Event) -> None:
    """For a run that nobody listens to."""


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
    specs: tuple[ModelSpec, ...] = ()  # of every model; none: one model with `task` and `labels`
    only_events: bool = False  # no results will come
    tell: Callable[[Event], None] = _tell_nobody  # hears of a sink that fails and works again
    stop: threading.Event = field(default_factory=threading.Event)  # set: somebody wants the process to end now
    alike: float | None = None  # cosine from which on two frames show the same; None: nobody asked for unlike ones
    has_embedding: bool = False  # whether any model gives one


class _Text(NamedTuple):
    """What was asked for by one `--sink`."""

    text: str
    kind: str
    target: str

    @property
    def place(self) -> str:
        """Two sinks with one place would write over each other."""
        row = SINKS[self.kind]
        if not self.target:
            return "stdout" if row.target == "optional" else self.kind
        if row.place == "url":
            return self.target.partition("#")[0]
        return str(self.path.resolve())

    @property
    def path(self) -> Path:
        is_folder = SINKS[self.kind].place == "folder"
        return Path(self.target.partition("?")[0] if is_folder else self.target)


@contextmanager
def open_sinks(texts: Sequence[str], setup: SinkSetup) -> Iterator[list[Sink]]:
    """Open several sinks, each behind a queue, and close every one of them, whatever happens to the others.

    Raises:
        UsageError: one that cannot be, a file that is there already (without `setup.force`), or two for the same place.
    """
    parsed = [_parse(text) for text in texts]
    _refuse_the_same_place(parsed)
    for asked in parsed:
        is_file = asked.target and SINKS[asked.kind].place == "file"
        if is_file and asked.path.is_file():  # a pipe or a device may be there
            refuse_to_overwrite(asked.path, force=setup.force)
    with ExitStack() as stack:
        sinks: list[Sink] = []
        for asked in parsed:
            sink = _open(asked, _name(asked, parsed), setup)
            stack.callback(sink.close)
            sinks.append(sink)
        stack.callback(_finish, sinks)  # all at once, before each is waited for
        yield sinks


def open_sink(text: str, setup: SinkSetup) -> Sink:
    """Open a sink from its text, without a queue: `jsonl` (stdout), `jsonl:FILE`, or another kind.

    Raises:
        UsageError: no such sink, a place missing where one is needed, or one that cannot be written.
    """
    return _build(_parse(text), setup)


def _parse(text: str) -> _Text:
    kind, _, target = text.partition(":")
    if kind not in SINKS:
        raise UsageError(f"sink {redact(kind)!r}", expected=" | ".join(SINKS), hint=did_you_mean(kind, SINKS))
    row = SINKS[kind]
    if row.target == "needed" and not target:
        raise UsageError(f"sink {kind} needs a {row.place}", expected=row.form)
    if row.target == "none" and target:
        raise UsageError(f"sink {kind} takes no file", expected=kind)
    return _Text(text, kind, text if target.startswith("//") and row.place == "url" else target)


def _build(asked: _Text, setup: SinkSetup) -> Sink:
    row = SINKS[asked.kind]
    sink: Sink = getattr(importlib.import_module(row.module), row.type)(asked.target or None, setup)
    return sink


def _open(asked: _Text, name: str, setup: SinkSetup) -> Sink:
    from edgevision_runtime.sinks.queued import QueuedSink

    if asked.kind == "null":  # measures the loop alone
        return _build(asked, setup)
    return QueuedSink(lambda: _build(asked, setup), name, setup)


def _finish(sinks: Sequence[Sink]) -> None:
    from edgevision_runtime.sinks.queued import QueuedSink

    for sink in sinks:
        if isinstance(sink, QueuedSink):
            sink.finish()


def _name(asked: _Text, among: Sequence[_Text]) -> str:
    """Its kind, where that tells it from the others."""
    is_alone = sum(other.kind == asked.kind for other in among) == 1
    return asked.kind if is_alone else redact(asked.text)


def _refuse_the_same_place(parsed: Sequence[_Text]) -> None:
    places = [asked.place for asked in parsed]
    for position, place in enumerate(places):
        if place in places[:position]:
            what = redact(parsed[position].text)
            raise UsageError(f"two sinks write to {what}", expected="a place of its own for each")
