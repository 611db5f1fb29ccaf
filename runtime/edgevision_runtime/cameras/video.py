"""A video file as a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgevision_runtime.cameras.pacing import Pace
from edgevision_runtime.errors import SourceLost
from edgevision_runtime.opencv import opencv
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.types import Frame

UNCERTAIN_FRAMES = 2  # containers that store a duration announce a frame or two too many


class VideoCamera:
    """Every frame of a video file, as fast as they are taken, or paced to `fps`."""

    def __init__(self, source: str, *, fps: float | None = None) -> None:
        cv2 = opencv()
        self.is_live = fps is not None
        self.unreadable: list[str] = []
        self._source = source
        self._pace = Pace(fps)
        with without_native_chatter():
            self._capture = cv2.VideoCapture(source)
        if not self._capture.isOpened():
            raise SourceLost(f"{source}: not a video that OpenCV can read", expected="mp4, avi, mkv …")
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.total: int | None = count if count > 0 else None
        self.fps = fps or self._capture.get(cv2.CAP_PROP_FPS) or None

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            self._pace.wait()
            is_read, image = self._capture.read()
            if not is_read:
                break
            yield Frame(image, index, time.monotonic(), self._source)
            index += 1
        if index == 0:
            raise SourceLost(f"{self._source}: no frame could be decoded", expected="a whole video file")
        if self.total is not None and index < self.total - UNCERTAIN_FRAMES:
            self.unreadable.append(f"{self._source} ended after {index} of the {self.total} frames that it announces")

    def __enter__(self) -> VideoCamera:
        return self

    def __exit__(self, *exc: object) -> None:
        self._capture.release()
