"""A sink that does what a test wants, and a queue before it."""

from __future__ import annotations

import threading
from dataclasses import replace

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.messages import Event, Message, Result
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.sinks.queued import QueuedSink

LIVE = SinkSetup(is_live=True)
AT_ONCE = Backoff(first_s=0.01, longest_s=0.01, jitter=0)


class Place:
    """A sink that remembers, waits while `is_open` is clear, and raises what it is told to."""

    def __init__(self, *, needs_image: bool = False) -> None:
        self.needs_image = needs_image
        self.taken: list[Message] = []
        self.trouble: Exception | None = None
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_closed = False
        self.threads: set[int] = set()

    def write(self, message: Message) -> None:
        self.threads.add(threading.get_ident())
        self.is_open.wait()
        if self.trouble is not None:
            raise self.trouble
        self.taken.append(message)

    tell = write

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.is_closed = True

    @property
    def indices(self) -> list[int]:
        return [message.frame.index for message in self.taken if isinstance(message, Result)]


class Attended(Place):
    """One that also has work of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.attended = 0
        self.own_trouble: Exception | None = None

    def attend(self) -> float:
        if self.own_trouble is not None:
            raise self.own_trouble
        self.attended += 1
        return 0.01


class Holding(Attended):
    """One that itself keeps what it cannot deliver."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0
        self.kept: list[Message] = []

    def keep(self, message: Message) -> None:
        self.kept.append(message)


def queue_before(place: Place, setup: SinkSetup = LIVE, told: list[Event] | None = None) -> QueuedSink:
    setup = setup if told is None else replace(setup, tell=told.append)
    return QueuedSink(lambda: place, "place", setup, backoff=AT_ONCE)
