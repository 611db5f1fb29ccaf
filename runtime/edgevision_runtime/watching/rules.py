"""One camera's answers of one model, and the events that they make."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from edgevision_runtime.messages import HAPPENED, Event, Result
from edgevision_runtime.types import Segmentation
from edgevision_runtime.watching.regions import Region, regions_of
from edgevision_runtime.watching.watchers import LabelChange
from edgevision_runtime.watching.zones import ZoneCounter

if TYPE_CHECKING:
    from edgevision_runtime.types import Frame, ModelSpec, Prediction, Tensor
    from edgevision_runtime.watching.settings import EventSettings

# Why something ended, beside its score and another label.
GAP = "gap"  # no frame came for a while
END_OF_RUN = "end of run"
OTHER_MODEL = "other model"
NOT_SEEN = "the model does not see the zone any more"


class EventRules:
    """Watches the answers of one model about one camera. Any thread may call it.

    Times are those of the captures. Nothing that is on lasts over a time in which no frame was captured.
    """

    def __init__(self, settings: EventSettings, labels: Sequence[str], task: str) -> None:
        """Watches the part of `settings` that the model can fulfil; `check_events` tells whether that is all of it."""
        self._lock = threading.Lock()  # gaps are told by the thread that captures
        self._settings = settings
        self._plan = settings.for_model(labels, task)
        self._regions = regions_of(self._plan)
        self._counter: ZoneCounter | None = None
        self._spec: ModelSpec | None = None
        self._result: Result | None = None  # the last one, unless everything began anew since
        self._last = NO_FRAME
        self._since_s = math.inf  # capture of the first frame since everything began anew
        self._gap_after_s = math.inf  # a gap that was told, and is not known to be over

    def observe(self, result: Result) -> list[Event]:
        """The events that a new answer makes.

        Raises:
            UsageError: a zone cannot be counted. Only at the first answer; after that it is an event.
        """
        with self._lock:
            events = self._see(Capture(result.frame.index, result.frame.captured_s, result.captured_at))
            if result.spec is not self._spec:
                events += self._meet(result)
            self._result = result
            if isinstance(result.prediction, Segmentation):
                events += self._fit_zones(result.prediction, result)
            self._spec = result.spec
            return events + self._step(result) + self._end_at_gap()

    def still(self, frame: Frame, captured_at: float) -> list[Event]:
        """The events that a frame makes which the motion gate skipped: the last answer holds for it too."""
        with self._lock:
            events = self._see(Capture(frame.index, frame.captured_s, captured_at))
            if self._result is not None:
                events += self._step(self._result)
            return events + self._end_at_gap()

    def unanswered(self, frame: Frame, captured_at: float) -> list[Event]:
        """The events that a frame makes of which nothing is known but that it was captured."""
        with self._lock:
            return self._see(Capture(frame.index, frame.captured_s, captured_at)) + self._end_at_gap()

    def gap(self, started_s: float) -> list[Event]:
        """End everything with the frame of `started_s`, on the camera's clock: none was captured after it.

        Both tellings of a gap may come here, before its first frame after it does.
        """
        with self._lock:
            if started_s < self._since_s < math.inf:
                return []  # all that is known was seen after it
            self._gap_after_s = started_s
            return self._end_at_gap()

    def settle(self, at: float) -> list[Event]:
        """End everything, at the end of a run; `at` is the wall clock's time of it."""
        with self._lock:
            return self._begin_anew(END_OF_RUN, at)

    def _end_at_gap(self) -> list[Event]:
        """What ends because the last frame was the last one before a gap."""
        return self._begin_anew(GAP, self._last.captured_at) if self._last.captured_s >= self._gap_after_s else []

    def _see(self, capture: Capture) -> list[Event]:
        """Take note of a frame, after ending what must not last until it."""
        events: list[Event] = []
        is_after_gap = capture.captured_s > self._gap_after_s
        if is_after_gap or capture.is_gap_after(self._last, self._settings.longest_gap_s):
            events = self._begin_anew(GAP, self._last.captured_at)
            self._gap_after_s = math.inf
        self._last = capture
        self._since_s = min(self._since_s, capture.captured_s)
        return events

    def _meet(self, result: Result) -> list[Event]:
        """Follow another model: one with the same labels as if nothing had happened, any other one from the start."""
        spec, events = result.spec, []
        if (spec.labels, spec.task) != (self._plan.labels, self._plan.task):
            events = self._begin_anew(OTHER_MODEL, self._last.captured_at)
            known, self._plan = self._plan, self._settings.for_model(spec.labels, spec.task)
            self._regions = regions_of(self._plan)
            lost = [str(error) for wish, error in self._plan.refused.items() if wish not in known.refused]
            detail = {"reason": "other labels", "labels": list(spec.labels), "not_watched": lost}
            events.append(Event("model", result.model, HAPPENED, result.camera, result.captured_at, detail, result))
        is_counted = spec.task == "segment"
        self._counter = ZoneCounter(self._plan.zones, spec.preprocess, len(spec.labels)) if is_counted else None
        return events

    def _fit_zones(self, answer: Segmentation, result: Result) -> list[Event]:
        """Say once of each size of frame and mask which zones the model does not see, or not wholly."""
        counter = self._counter
        assert counter is not None
        if not counter.fit(answer, result.frame.image.shape):
            return []
        if self._spec is None and counter.unseen:
            raise next(iter(counter.unseen.values()))
        details: dict[str, dict[str, object]] = {zone: {"reason": str(error)} for zone, error in counter.unseen.items()}
        for zone, seen in counter.partly_seen.items():
            reason = f"the model sees {seen:.0%} of the zone; its shares are of that part"
            details[zone] = {"reason": reason, "seen": round(seen, 3)}
        lost = [region for region in self._regions if region.zone in counter.unseen]
        events = [
            event
            for region in lost
            for event in self._tell(region, region.begin_anew(NOT_SEEN, self._last.captured_s), result)
        ]
        facts = result.camera, result.captured_at
        return events + [Event("zone", zone, HAPPENED, *facts, detail, result) for zone, detail in details.items()]

    def _step(self, result: Result) -> list[Event]:
        events: list[Event] = []
        for region in self._regions:
            values = self._values(result.prediction, region.zone)
            if values is not None:
                changes = region.step(values, self._last.captured_s)
                if changes:
                    events += self._tell(region, changes, result)
        return events

    def _values(self, prediction: Prediction, zone: str | None) -> Tensor | None:
        if isinstance(prediction, Segmentation):
            assert self._counter is not None
            return self._counter.shares(prediction, zone)
        return prediction.scores

    def _begin_anew(self, reason: str, at: float) -> list[Event]:
        self._since_s = math.inf
        result, self._result = self._result, None
        events: list[Event] = []
        for region in self._regions:
            changes = region.begin_anew(reason, self._last.captured_s)
            if result is not None:
                events += self._tell(region, changes, result, at)
        return events

    def _tell(
        self, region: Region, changes: Iterable[LabelChange], result: Result, at: float | None = None
    ) -> list[Event]:
        at = self._last.captured_at if at is None else at
        return [
            Event(region.kind, region.name_of(index), change.phase, result.camera, at, change.detail, result)
            for index, change in changes
        ]


class Capture(NamedTuple):
    """When a frame was captured."""

    frame_index: int
    captured_s: float  # on the camera's clock
    captured_at: float  # time.time()

    def is_gap_after(self, before: Capture, longest_gap_s: float) -> bool:
        """Whether the camera was away between two frames, or its clock went back.

        Frames that nobody inferred were captured all the same: of the spaces between them the longest is at least the
        mean one.
        """
        if before is NO_FRAME:
            return False
        elapsed_s = self.captured_s - before.captured_s
        return elapsed_s < 0 or elapsed_s > longest_gap_s * max(1, self.frame_index - before.frame_index)


NO_FRAME = Capture(-1, -math.inf, 0.0)
