"""The motion gate: a picture that shows what the last inferred one showed needs no model.

Compared are 64 × 36 blocks, each the mean of some sixteen samples, with those of the last frame that was *inferred*:
what drifts slowly adds up until it counts. A change that the whole picture shares (the median difference) is taken
out, up to `FLICKER` grey levels: lamps that flicker, an exposure that hunts. A block has changed when it differs by
more than `LEAST_CHANGE` levels, or by more than four standard deviations of the noise that the blocks show themselves,
up to `MOST_CHANGE`: a shaking camera must not pass for a noisy one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision_runtime.messages import BEGAN, ENDED, Event
from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from edgevision_runtime.types import Frame, Image, Tensor
    from edgevision_runtime.watching.settings import MotionSettings

COLUMNS, ROWS = 64, 36
SAMPLES = 4  # of a block, along each axis
FLICKER = 24
LEAST_CHANGE, MOST_CHANGE = 10, 20
NOISE_DEVIATIONS = 4
DEVIATION_OF_MEDIAN = 1.4826  # standard deviation ÷ median distance from the median, of normal noise
MOTION, END_OF_RUN = "motion", "end of run"  # why a stillness ended
TOLD_AFTER_S = 1.0  # of stillness: a picture at the limit is no news each time


class MotionGate:
    """Says of each frame whether it can be skipped. For one camera; one thread at a time, except `look_again`."""

    def __init__(self, settings: MotionSettings, camera: str, now: Callable[[], float] = time.monotonic) -> None:
        """`camera` is its name and `now` its clock."""
        self.skipped = 0  # frames, in all
        self._settings, self._camera, self._now = settings, camera, now
        self._changed_blocks = settings.share * COLUMNS * ROWS
        self._reference: Image | None = None  # blocks of the last frame that was inferred
        self._frame_shape: tuple[int, ...] = ()
        self._inferred_s = 0.0
        self._look_again = ""  # why the next frame must be inferred, if it must
        self._stillness: _Stillness | None = None
        self._events: list[Event] = []

    def is_still(self, frame: Frame) -> bool:
        """Whether the last inferred frame's answer holds for this one too. When not, this one must be inferred."""
        blocks, why = block_means(frame.image), self._look_again
        if why:
            self._look_again = ""
        elif self._has_changed(blocks, frame.image.shape):
            why = MOTION
        if why:
            self._end(why, self._wall_clock(frame.captured_s))
            self._keep(blocks, frame)
            return False
        self._last(frame.captured_s)
        if not 0 <= frame.captured_s - self._inferred_s < self._settings.refresh_s:
            self._keep(blocks, frame)
            return False
        self.skipped += 1
        return True

    def look_again(self, reason: str) -> None:
        """Let the next frame be inferred whatever it shows: the camera was away, the model is another one."""
        self._look_again = reason

    def events(self) -> list[Event]:
        """What began or ended since the last call."""
        events, self._events = self._events, []
        return events

    def settle(self, at: float) -> list[Event]:
        """End what lasts, at the end of a run; `at` is the wall clock's time of it."""
        self._end(END_OF_RUN, at)
        return self.events()

    def _last(self, now_s: float) -> None:
        """The stillness goes on, or begins; it is told when it has lasted for a while."""
        if self._stillness is None:
            self._stillness = _Stillness(now_s, self.skipped)
        stillness = self._stillness
        stillness.seen_s = now_s
        if stillness.told_s is None and now_s - stillness.since_s >= TOLD_AFTER_S:
            stillness.told_s = now_s
            self._tell(BEGAN, self._wall_clock(now_s), {"refresh_s": self._settings.refresh_s})

    def _end(self, reason: str, at: float) -> None:
        stillness, self._stillness = self._stillness, None
        if stillness is not None and stillness.told_s is not None:
            skipped, duration_s = self.skipped - stillness.skipped_before, stillness.seen_s - stillness.told_s
            self._tell(ENDED, at, {"reason": reason, "skipped": skipped, "duration_s": round(duration_s, 3)})

    def _tell(self, phase: str, at: float, detail: dict[str, Any]) -> None:
        self._events.append(Event("motion", "still", phase, self._camera, at, detail))

    def _wall_clock(self, captured_s: float) -> float:
        return time.time() - (self._now() - captured_s)

    def _keep(self, blocks: Image, frame: Frame) -> None:
        self._reference, self._frame_shape, self._inferred_s = blocks, frame.image.shape, frame.captured_s

    def _has_changed(self, blocks: Image, frame_shape: tuple[int, ...]) -> bool:
        if self._reference is None or frame_shape != self._frame_shape:
            return True
        return changed_blocks(self._reference, blocks) >= self._changed_blocks


@dataclass
class _Stillness:
    """A time in which nothing moves; seconds on the camera's clock."""

    since_s: float
    skipped_before: int  # frames, in all, when it began
    seen_s: float = 0.0  # capture of its last frame
    told_s: float | None = None


def block_means(image: Image) -> Image:
    """uint8 (36, 64): the mean brightness of blocks of a frame, from every so many bytes of every so many rows.

    The bytes are blue, green and red in turn, so that a lamp of any colour counts.
    """
    height, width = image.shape[:2]
    step = max(1, 3 * width // (COLUMNS * SAMPLES))
    step += step % 3 == 0 and width > COLUMNS  # else all samples would be of one colour
    samples: Tensor = image[:: max(1, height // (ROWS * SAMPLES))].reshape(-1, 3 * width)[:, ::step]
    cv2 = opencv()
    means: Image = cv2.resize(np.ascontiguousarray(samples), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return means


def changed_blocks(before: Image, after: Image) -> int:
    """How many blocks differ by more than flicker and noise explain; all of them when the whole picture does."""
    cv2 = opencv()
    difference = cv2.subtract(after, before, dtype=cv2.CV_16S).ravel()
    middle = difference.size // 2
    shared = int(np.partition(difference, middle)[middle])
    if abs(shared) > FLICKER:
        return int(difference.size)
    distance = np.abs(difference - shared)
    noise = DEVIATION_OF_MEDIAN * (float(np.partition(distance, middle)[middle]) + 0.5)  # whole levels: the bin's end
    limit = min(max(NOISE_DEVIATIONS * noise, LEAST_CHANGE), MOST_CHANGE)
    return int(np.count_nonzero(distance > limit))
