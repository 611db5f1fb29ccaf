"""The loop: a capture thread writes into a slot, inference takes from it, sinks get the results.

Policy `latest` always works on the newest frame and counts the ones it never saw; policy `every` takes each frame in
turn and lets the source wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from edgevision_runtime.cameras import Camera
from edgevision_runtime.predictor import Predictor
from edgevision_runtime.sinks import Sink
from edgevision_runtime.types import Frame

STOP_CHECK_S = 0.2  # how often a loop that waits for a frame looks whether it should end


@dataclass
class RunSummary:
    """What a run did."""

    captured: int = 0
    inferred: int = 0
    dropped: int = 0  # frames that a newer one replaced before anyone took them
    too_old: int = 0  # frames dropped by --max-age-ms
    duration_s: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def fps(self) -> float:
        """Results per second of wall time."""
        return self.inferred / self.duration_s if self.duration_s else 0.0

    @property
    def median_latency_ms(self) -> float:
        """Median of preprocess + infer + postprocess."""
        return sorted(self.latencies_ms)[len(self.latencies_ms) // 2] if self.latencies_ms else 0.0


class FrameSlot:
    """Holds one frame between the capture thread and inference."""

    def __init__(self, *, waits_for_taker: bool) -> None:
        self._frames: deque[Frame] = deque(maxlen=1)
        self._changed = threading.Condition()
        self._waits_for_taker = waits_for_taker
        self._is_closed = False
        self.dropped = 0

    def put(self, frame: Frame) -> bool:
        """Put a frame in, replacing an older one, or waiting until it is taken; False once the slot is closed."""
        with self._changed:
            while self._waits_for_taker and self._frames and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return False
            self.dropped += len(self._frames)
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    def take(self, stop: threading.Event) -> Frame | None:
        """Wait for a frame; None once the slot is closed and empty, or `stop` is set."""
        with self._changed:
            while not self._frames and not self._is_closed and not stop.is_set():
                self._changed.wait(STOP_CHECK_S)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._changed.notify_all()
            return frame

    def close(self) -> None:
        """No more frames will come, or be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


@dataclass(frozen=True)
class RunLimits:
    """When a run ends, and which frames it refuses."""

    frames: int | None = None
    duration_s: float | None = None
    max_age_ms: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)  # ends the run after the present frame


def run_pipeline(
    camera: Camera, predictor: Predictor, sinks: Sequence[Sink], *, policy: str, limits: RunLimits
) -> RunSummary:
    """Run until the source ends, a limit is reached, `limits.stop` is set, or nobody reads a sink any more.

    Raises:
        SourceLost: the source broke; what came before it has been written.
        UsageError: a sink cannot be written.
    """
    summary = RunSummary()
    slot = FrameSlot(waits_for_taker=policy == "every")
    failures: list[Exception] = []
    capture = threading.Thread(target=_capture, args=(camera, slot, summary, failures), name="capture", daemon=True)
    started_s = time.monotonic()
    capture.start()
    try:
        with suppress(BrokenPipeError):  # nobody reads stdout any more: a run's ordinary end
            _infer_until_end(camera, slot, predictor, sinks, limits, summary)
    finally:
        slot.close()
        camera.stop()
        capture.join(timeout=2.0)
        summary.duration_s = time.monotonic() - started_s
        summary.dropped = slot.dropped
    if failures:
        raise failures[0]
    return summary


def _capture(camera: Camera, slot: FrameSlot, summary: RunSummary, failures: list[Exception]) -> None:
    """Runs in a thread of its own; whatever goes wrong there is raised where the thread was started."""
    try:
        for frame in camera:
            summary.captured += 1
            if not slot.put(frame):
                return
    except Exception as error:  # noqa: BLE001 - handed over, see above
        failures.append(error)
    finally:
        slot.close()


def _infer_until_end(
    camera: Camera,
    slot: FrameSlot,
    predictor: Predictor,
    sinks: Sequence[Sink],
    limits: RunLimits,
    summary: RunSummary,
) -> None:
    ends_s = time.monotonic() + limits.duration_s if limits.duration_s is not None else float("inf")
    while time.monotonic() < ends_s and (limits.frames is None or summary.inferred < limits.frames):
        frame = slot.take(limits.stop)
        if frame is None or limits.stop.is_set():
            return
        if limits.max_age_ms is not None and (camera.clock.monotonic() - frame.captured_s) * 1e3 > limits.max_age_ms:
            summary.too_old += 1
            continue
        prediction = predictor.predict(frame, camera.clock.monotonic)
        summary.inferred += 1
        summary.latencies_ms.append(prediction.latency_ms)
        for sink in sinks:
            sink.write(frame, prediction)
