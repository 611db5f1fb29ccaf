"""The motion gate: a picture that shows what the last inferred one showed needs no model.

Compared are 64 × 36 blocks, each the mean of some sixteen samples, with those of the last frame that was *inferred*:
what drifts slowly adds up until it counts. A change that the whole picture shares (the median difference) is taken
out, up to `FLICKER` grey levels: lamps that flicker, an exposure that hunts. A block has changed when it differs by
more than `LEAST_CHANGE` levels, or by more than four standard deviations of the noise that the blocks show themselves,
up to `MOST_CHANGE`: a shaking camera must not pass for a noisy one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
TOLD_AFTER_S = 1.0  # of stillness: a picture at the limit is no news each time


class MotionGate:
    """Says of each frame whether it can be skipped. For one camera and one thread."""

    def __init__(self, settings: MotionSettings) -> None:
        self._settings = settings
        self._changed_blocks = settings.share * COLUMNS * ROWS
        self._reference: Image | None = None  # blocks of the last frame that was inferred
        self._frame_shape: tuple[int, ...] = ()
        self._inferred_s = 0.0
        self._now_s = 0.0
        self._still_since_s: float | None = None  # capture of the first frame of the present stillness
        self._is_told, self._told_s = False, 0.0
        self._skipped_before = 0  # when the present stillness began
        self.skipped = 0  # frames, in all

    def is_still(self, frame: Frame) -> bool:
        """Whether the last inferred frame's answer holds for this one too. When not, this one must be inferred."""
        blocks = block_means(frame.image)
        self._now_s = frame.captured_s
        if self._has_changed(blocks, frame.image.shape):
            self._keep(blocks, frame)
            self._still_since_s = None
            return False
        if self._still_since_s is None:
            self._still_since_s, self._skipped_before = frame.captured_s, self.skipped
        if not 0 <= frame.captured_s - self._inferred_s < self._settings.refresh_s:
            self._keep(blocks, frame)
            return False
        self.skipped += 1
        return True

    def changes(self, camera: str, at: float) -> list[Event]:
        """What the last frame, captured at `at` by the wall clock, began or ended: at most one event."""
        if self._still_since_s is None:
            return self._end(camera, at, "motion")
        if self._is_told or self._now_s - self._still_since_s < TOLD_AFTER_S:
            return []
        self._is_told, self._told_s = True, self._now_s
        return [Event("motion", "still", BEGAN, camera, at, {"refresh_s": self._settings.refresh_s})]

    def forget(self, camera: str, at: float, reason: str) -> list[Event]:
        """Infer the next frame in any case: a camera that was away, another model, the end of a run."""
        self._reference, self._still_since_s = None, None
        return self._end(camera, at, reason)

    def _end(self, camera: str, at: float, reason: str) -> list[Event]:
        if not self._is_told:
            return []
        self._is_told = False
        detail = {
            "reason": reason,
            "skipped": self.skipped - self._skipped_before,
            "duration_s": round(self._now_s - self._told_s, 3),
        }
        return [Event("motion", "still", ENDED, camera, at, detail)]

    def _keep(self, blocks: Image, frame: Frame) -> None:
        self._reference, self._frame_shape, self._inferred_s = blocks, frame.image.shape, frame.captured_s

    def _has_changed(self, blocks: Image, frame_shape: tuple[int, ...]) -> bool:
        if self._reference is None or frame_shape != self._frame_shape:
            return True
        return changed_blocks(self._reference, blocks) >= self._changed_blocks


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
