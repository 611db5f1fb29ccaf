"""The loop: a capture thread for each camera, frames served in turn, inference, then observers and sinks.

Policy `latest` always works on the newest frame and counts the ones it never saw; `adaptive` does so too and leaves the
interpreter idle for a part of the time; `every` takes each frame in turn and lets the source wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from edgevision_runtime.cameras import Camera
from edgevision_runtime.cameras.events import CONNECTING, ENDED, STREAMING
from edgevision_runtime.errors import SourceLost, UsageError
from edgevision_runtime.messages import HAPPENED, Event, Result
from edgevision_runtime.models import ModelSlot
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pace import Pace
from edgevision_runtime.redact import redact
from edgevision_runtime.status import CameraStatus, RunSummary
from edgevision_runtime.turns import Place, Turns
from edgevision_runtime.types import Frame


class Rules(Protocol):
    """What makes events of one model's answers about one camera."""

    def observe(self, result: Result) -> list[Event]:
        """The events that this answer brings."""
        ...

    def still(self, frame: Frame, captured_at: float) -> list[Event]:
        """The events that a frame brings for which the last answer holds."""
        ...

    def unanswered(self, frame: Frame, captured_at: float) -> list[Event]:
        """The events that a frame brings of which nothing is known but that it was captured."""
        ...

    def settle(self, at: float) -> list[Event]:
        """The run ends: what still lasts ends too."""
        ...


class Gate(Protocol):
    """What holds frames back that need no answer."""

    def is_still(self, frame: Frame) -> bool:
        """Whether this frame shows nothing new."""
        ...

    def events(self) -> list[Event]:
        """What there is to tell since the last call."""
        ...

    def settle(self, at: float) -> list[Event]:
        """The run ends: what still lasts ends too."""
        ...


POLICIES = ("latest", "every", "adaptive")
ADAPTIVE_LOAD = 0.75  # share of the time that an interpreter works under the policy `adaptive`
CAPTURE_ENDS_WITHIN_S = 0.3  # how long the end of a run waits for a capture that may hang in a library


@dataclass
class Channel:
    """A camera with the models that look at it and what is made of their answers."""

    camera: Camera
    models: Sequence[ModelSlot]
    status: CameraStatus  # its name, and the counts that the loop keeps
    policy: str = "latest"  # one of POLICIES
    most_fps: float | None = None  # results per second that suffice
    gate: Gate | None = None
    rules: Sequence[Rules] = ()  # for each model, in the same order
    monitors: Sequence[Rules | None] = ()  # of drift, for each model; None: its frames have no embedding

    def watchers(self, model: int) -> list[Rules]:
        """Who makes events of the answers of the model at this position."""
        given = [*self.rules[model : model + 1], *self.monitors[model : model + 1]]
        return [watcher for watcher in given if watcher is not None]


@dataclass
class Throttle:
    """How much slower than it could the loop shall run; whoever watches the board's health sets it."""

    factor: float = 1.0  # by which the time between two answers of a camera is stretched; 1: as usual


@dataclass(frozen=True)
class RunLimits:
    """When a run ends, which frames it refuses, and how hard it works."""

    frames: int | None = None  # answered, all cameras together
    duration_s: float | None = None
    max_age_ms: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)  # ends the run after the present frame
    throttle: Throttle = field(default_factory=Throttle)


def run_pipeline(
    channels: Sequence[Channel], outputs: Outputs, limits: RunLimits | None = None, *, workers: int = 1
) -> RunSummary:
    """Run until every source ends, a limit is reached, `limits.stop` is set, or nobody reads a sink any more.

    `workers` is how many predictors each `ModelSlot` holds: frames of as many cameras are answered at the same time.

    Raises:
        SourceLost: a source broke; what came before it, and what other cameras gave, has been written.
        UsageError: a sink cannot be written.
    """
    loop = _Loop(channels, outputs, limits or RunLimits())
    started_s = time.monotonic()
    try:
        with suppress(BrokenPipeError):  # nobody reads stdout any more: a run's ordinary end
            loop.run(workers)
            loop.settle()
    finally:
        summary = RunSummary(tuple(channel.status for channel in channels), time.monotonic() - started_s)
    if loop.failures:
        raise loop.failures[0]
    return summary


class _Loop:
    """One run: its threads and what they share."""

    def __init__(self, channels: Sequence[Channel], outputs: Outputs, limits: RunLimits) -> None:
        self.failures: list[Exception] = []
        self._channels, self._outputs, self._limits = channels, outputs, limits
        self._places = [Place(waits_for_taker=channel.policy == "every") for channel in channels]
        self._turns = Turns(self._places)
        self._paces = [Pace(channel.camera.fps) for channel in channels]
        self._is_over = threading.Event()
        self._answered = 0
        self._counting = threading.Lock()

    def run(self, workers: int) -> None:
        """Capture and serve until the end; the first worker is this thread, which signals interrupt."""
        captures = [threading.Thread(target=self._capture, args=(i,), daemon=True) for i in range(len(self._channels))]
        others = [threading.Thread(target=self._work_beside, args=(worker,)) for worker in range(1, workers)]
        for thread in (*captures, *others):
            thread.start()
        try:
            self._work(0)
        finally:
            self._is_over.set()
            self._turns.close_all()
            for channel in self._channels:
                channel.camera.stop()
            ends_s = time.monotonic() + CAPTURE_ENDS_WITHIN_S
            for thread in captures:
                thread.join(max(0.0, ends_s - time.monotonic()))
            for thread in others:
                thread.join()

    def settle(self) -> None:
        """End what events still last."""
        for channel in self._channels:
            if channel.gate is not None:
                self._tell(channel.gate.settle(time.time()))
            for model in range(len(channel.models)):
                self._tell(e for watcher in channel.watchers(model) for e in watcher.settle(time.time()))

    def _capture(self, index: int) -> None:
        """Runs in a thread of its own; whatever goes wrong there is raised where the run was started."""
        channel, place = self._channels[index], self._places[index]
        try:
            for frame in channel.camera:
                channel.status.captured += 1
                if channel.status.state == CONNECTING:  # files do not tell
                    channel.status.state = STREAMING
                if not self._turns.put(index, frame):
                    return
                channel.status.dropped = place.dropped
        except Exception as error:  # noqa: BLE001 - handed over, see above
            self.failures.append(error)
            with suppress(BrokenPipeError, UsageError):  # which the loop finds by itself
                self._tell_loss(channel, error)
        finally:
            channel.status.state = ENDED
            self._turns.close(index)

    def _tell_loss(self, channel: Channel, error: Exception) -> None:
        """Say at once which camera ended and why, when others go on; the end of the run may be weeks away."""
        if isinstance(error, SourceLost) and channel.status.state != ENDED:
            detail = {"reason": redact(str(error))}
            self._outputs.tell(Event("camera", ENDED, HAPPENED, channel.status.name, time.time(), detail))

    def _work_beside(self, worker: int) -> None:
        """A worker that is not the first; whatever goes wrong ends the run and is raised where it was started."""
        try:
            self._work(worker)
        except BrokenPipeError:
            self._is_over.set()
        except Exception as error:  # noqa: BLE001 - handed over, see above
            self.failures.append(error)
        finally:
            self._turns.close_all()

    def _work(self, worker: int) -> None:
        limits = self._limits
        ends_s = time.monotonic() + limits.duration_s if limits.duration_s is not None else float("inf")
        rests_until_s = 0.0
        while not self._is_over.is_set() and time.monotonic() < ends_s:
            if not self._reserve():
                return
            taken = self._turns.take(limits.stop, rests_until_s)
            if taken is None or limits.stop.is_set():
                return
            index, frame = taken
            channel, started_s = self._channels[index], time.monotonic()
            try:
                if not self._serve(channel, frame, worker):
                    self._give_back()
            finally:
                due_s = started_s + 1 / channel.most_fps if channel.most_fps else 0.0
                slower_s = self._paces[index].due_s(started_s, time.monotonic(), limits.throttle.factor)
                self._turns.done(index, max(due_s, slower_s))
            rests_until_s = self._rest_after(channel, started_s)

    def _serve(self, channel: Channel, frame: Frame, worker: int) -> bool:
        """Answer one frame, unless it is too old or shows nothing new; whether it was answered."""
        clock, limit_ms = channel.camera.clock, self._limits.max_age_ms
        age_s = clock.monotonic() - frame.captured_s
        if limit_ms is not None and age_s * 1e3 > limit_ms:
            channel.status.too_old += 1
            self._tell(e for rules in channel.rules for e in rules.unanswered(frame, time.time() - age_s))
            return False
        if channel.gate is not None:
            is_still = channel.gate.is_still(frame)
            self._tell(channel.gate.events())
            if is_still:
                channel.status.still += 1
                self._outputs.still(channel.status.name, frame.captured_s, age_s * 1e3)
                self._tell(e for rules in channel.rules for e in rules.still(frame, time.time() - age_s))
                return False
        latency_ms = 0.0
        for position, slot in enumerate(channel.models):
            loaded = slot.take(worker)
            prediction = loaded.predictors[worker].predict(frame, clock.monotonic)
            latency_ms += prediction.latency_ms
            captured_at = time.time() - prediction.age_ms / 1e3
            name = channel.status.name
            result = Result(frame, prediction, loaded.spec, loaded.title, name, captured_at, loaded.space)
            self._outputs.write(result)
            self._tell(e for watcher in channel.watchers(position) for e in watcher.observe(result))
        channel.status.inferred += 1
        channel.status.latencies_ms.append(latency_ms)
        channel.status.answered_s.append(time.monotonic())
        return True

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._outputs.tell(event)

    def _reserve(self) -> bool:
        """Take one of the frames that may still be answered; False when there is none left."""
        with self._counting:
            self._answered += 1
            return self._limits.frames is None or self._answered <= self._limits.frames

    def _give_back(self) -> None:
        with self._counting:
            self._answered -= 1

    def _rest_after(self, channel: Channel, started_s: float) -> float:
        """Until when this worker stays idle (time.monotonic), so that the board stays cool."""
        now_s = time.monotonic()
        load = ADAPTIVE_LOAD if channel.policy == "adaptive" else 1.0
        return now_s + (now_s - started_s) * (1 / load - 1)
