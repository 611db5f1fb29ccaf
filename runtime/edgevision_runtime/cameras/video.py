"""A video file as a camera."""

from __future__ import annotations

from collections.abc import Iterator

from edgevision_runtime.cameras.clock import REAL_CLOCK, Clock
from edgevision_runtime.cameras.granted import stated_fps
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cameras.pacing import Pace
from edgevision_runtime.errors import SourceLost, UsageError
from edgevision_runtime.opencv import opencv
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.types import Frame

UNCERTAIN_FRAMES = 2  # containers that store a duration announce a frame or two too many


class VideoCamera:
    """Every frame of a video file: at its own pace, at `fps`, or as fast as they are taken (`is_fast`).

    A paced file still waits for whoever takes its frames; what comes late is caught up with.

    Raises:
        SourceLost: it cannot be read.
        UsageError: it does not say its frame rate, and nobody else does.
    """

    is_live = False
    clock: Clock = REAL_CLOCK

    def __init__(self, source: str, options: CameraOptions) -> None:
        cv2 = opencv()
        self.unreadable: list[str] = []
        self._source = source
        self._is_stopped = False
        with without_native_chatter():
            self._capture = cv2.VideoCapture(source)
        if not self._capture.isOpened():
            raise SourceLost(f"{source}: not a video that OpenCV can read", expected="mp4, avi, mkv …")
        self.own_fps: float | None = stated_fps(float(self._capture.get(cv2.CAP_PROP_FPS)))
        self.fps: float | None = options.fps or self.own_fps
        if self.fps is None and not options.is_fast:
            raise UsageError(f"{source} does not say its frame rate", expected="one by --fps, or --fast")
        self._pace = Pace(None if options.is_fast else self.fps)
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.total: int | None = count if count > 0 else None

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._is_stopped:
            self._pace.wait()
            is_read, image = self._capture.read()
            if not is_read:
                break
            yield Frame(image, index, self.clock.monotonic(), self._source)
            index += 1
        if index == 0 and not self._is_stopped:
            raise SourceLost(f"{self._source}: no frame could be decoded", expected="a whole video file")
        if self.total is not None and index < self.total - UNCERTAIN_FRAMES:
            self.unreadable.append(f"{self._source} ended after {index} of the {self.total} frames that it announces")

    def stop(self) -> None:
        """See `Camera`."""
        self._is_stopped = True

    def __enter__(self) -> VideoCamera:
        return self

    def __exit__(self, *exc: object) -> None:
        self._capture.release()
