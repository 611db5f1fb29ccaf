"""A camera of this machine, through OpenCV's V4L2 backend: `0`, `/dev/video0` or `v4l2:///dev/video0`."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgevision_runtime.errors import SourceLost
from edgevision_runtime.opencv import opencv
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.types import Frame


class DeviceCamera:
    """A local camera; always live."""

    is_live = True
    total: int | None = None

    def __init__(self, source: str, *, fps: float | None = None) -> None:
        cv2 = opencv()
        self._source = source
        self.unreadable: list[str] = []
        device = source[len("v4l2://") :] if source.startswith("v4l2://") else source
        with without_native_chatter():
            self._capture = cv2.VideoCapture(int(device) if device.isdigit() else device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceLost(f"camera {source} cannot be opened", hint="see `v4l2-ctl --list-devices`; is it in use?")
        if fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, fps)
        self.fps: float | None = self._capture.get(cv2.CAP_PROP_FPS) or None

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            is_read, image = self._capture.read()
            if not is_read:
                raise SourceLost(f"camera {self._source} stopped delivering after {index} frames")
            yield Frame(image, index, time.monotonic(), self._source)
            index += 1

    def __enter__(self) -> DeviceCamera:
        return self

    def __exit__(self, *exc: object) -> None:
        self._capture.release()
