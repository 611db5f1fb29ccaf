"""What viewers see of a camera: its newest answered frame as JPEG, encoded when somebody asks, once for all who ask.

The loop knows nothing of this: pictures are made in the threads of those who look, from what `RunStatus` holds anyway.
A camera that is away is shown grey, with how old the picture is: never as if it were live.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from edgevision_runtime.annotate import Annotator
from edgevision_runtime.cameras.events import BACKING_OFF, CONNECTING, STREAMING
from edgevision_runtime.messages import Result
from edgevision_runtime.opencv import opencv
from edgevision_runtime.status import CameraStatus
from edgevision_runtime.types import Image

MOST_FPS = 15.0
JPEG_QUALITY = 80
LONGEST_SIDE = 1280  # pixels; larger pictures are made smaller
OLD_AFTER_S = 3.0  # a picture of a camera that streams says its age from then on
EMPTY_SIZE = (640, 360)  # of the picture before the first frame


class Picture(NamedTuple):
    """One JPEG of a camera."""

    number: int  # 1, 2, 3 … per camera
    jpeg: bytes
    age_s: float | None  # of the frame, when this was encoded; None: there was none yet


@dataclass(frozen=True)
class _Motif:
    """What a picture shows: it is encoded anew when that changes."""

    result: Result | None
    note: str
    is_live: bool


class CameraPictures:
    """The pictures of one camera. Any thread may ask."""

    def __init__(self, camera: CameraStatus, titles: Callable[[], Sequence[str]]) -> None:
        """`titles` are those of the models that answer now, the most important one first."""
        self.encoded = 0  # pictures since the start
        self.viewers = 0  # of the stream, now
        self._camera, self._titles = camera, titles
        self._annotate = Annotator()
        self._lock = threading.Lock()
        self._motif: _Motif | None = None
        self._picture = Picture(0, b"", None)
        self._encoded_s = float("-inf")

    def newest(self) -> Picture:
        """The same one as before when nothing new is there, or when `MOST_FPS` leaves no time for another."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._encoded_s < 1 / MOST_FPS:
                return self._picture
            result = self._result()
            age_s = None if result is None else age_now_s(self._camera, result)
            motif = _Motif(result, note_of(self._camera, age_s), self._camera.state == STREAMING)
            if motif != self._motif:
                jpeg = self._encode(motif)
                self.encoded += 1
                self._motif, self._encoded_s, self._picture = motif, now_s, Picture(self.encoded, jpeg, age_s)
            return self._picture

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Counts a viewer as long as it is open."""
        with self._lock:
            self.viewers += 1
        try:
            yield
        finally:
            with self._lock:
                self.viewers -= 1

    def _result(self) -> Result | None:
        latest = dict(self._camera.latest)
        present = [title for title in self._titles() if title in latest]
        return latest[present[0]] if present else next(iter(latest.values()), None)

    def _encode(self, motif: _Motif) -> bytes:
        cv2 = opencv()
        image = _empty() if motif.result is None else _shrunk(self._annotate(motif.result))
        if not motif.is_live:
            image = _grey(image)
        if motif.note:
            _write_note(image, motif.note)
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return bytes(encoded)


def age_now_s(camera: CameraStatus, result: Result) -> float:
    """How long ago the frame of a camera's latest result was captured, in seconds."""
    answered_s = camera.answered_s[-1] if camera.answered_s else time.monotonic()
    return time.monotonic() - answered_s + result.prediction.age_ms / 1e3


def state_in_words(camera: CameraStatus) -> str:
    """A camera's state for people, to whom an attempt after the first and the wait before it are the same."""
    if camera.state == BACKING_OFF or (camera.state == CONNECTING and camera.captured > 0):
        return "reconnecting"
    return camera.state


def note_of(camera: CameraStatus, age_s: float | None) -> str:
    """What must be said on a picture so that nobody takes it for live; empty when it is."""
    if age_s is None:
        return f"{state_in_words(camera)}: no picture yet"
    if camera.state == STREAMING:
        return f"{_duration(age_s)} old" if age_s >= OLD_AFTER_S else ""
    return f"{state_in_words(camera)}: this is {_duration(max(age_s, 1.0))} old"


def _duration(duration_s: float) -> str:
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if duration_s >= 2 * length_s:
            return f"{duration_s / length_s:.0f} {unit}"
    return f"{duration_s:.0f} s"


def _shrunk(image: Image) -> Image:
    cv2 = opencv()
    scale = LONGEST_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    how = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA  # a quarter of the time where it looks the same
    smaller: Image = cv2.resize(image, size, interpolation=how)
    return smaller


def _empty() -> Image:
    import numpy as np

    return np.full((EMPTY_SIZE[1], EMPTY_SIZE[0], 3), 70, np.uint8)


def _grey(image: Image) -> Image:
    cv2 = opencv()
    faded = cv2.convertScaleAbs(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), alpha=0.6, beta=50)
    grey: Image = cv2.cvtColor(faded, cv2.COLOR_GRAY2BGR)
    return grey


def _write_note(image: Image, text: str) -> None:
    """White on a dark strip along the upper edge, in a size that fits."""
    cv2 = opencv()
    font, margin = cv2.FONT_HERSHEY_SIMPLEX, 8
    width, height = cv2.getTextSize(text, font, 1.0, 1)[0]
    size = max(0.3, min(image.shape[1] / 900 + 0.3, (image.shape[1] - 2 * margin) / width))
    bottom = round(height * size) + 2 * margin
    cv2.rectangle(image, (0, 0), (image.shape[1], bottom), (32, 32, 32), cv2.FILLED)
    cv2.putText(image, text, (margin, bottom - margin), font, size, (255, 255, 255), 1, cv2.LINE_AA)
