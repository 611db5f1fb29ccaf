"""A camera of this machine through OpenCV's V4L2: `0`, `/dev/video0`, `v4l2:///dev/video0?size=1280x720&fps=30&format=MJPG`.

Motion JPEG is decoded at a half, a quarter or an eighth of its size when the model needs no more (`needed_size`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edgevision_runtime.cameras import query as fields
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionSetup
from edgevision_runtime.cameras.feed import Captured, LinkLost, ThreadFeed
from edgevision_runtime.cameras.granted import Granted, fourcc_text, stated_fps
from edgevision_runtime.cameras.jpeg import decode_jpeg, reduction_for
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.opencv import opencv
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.types import Image

OLDEST_STAMP_S = 10.0  # a driver's timestamp that is further off counts time otherwise than we do
MOST_DAMAGED = 30  # pictures in a row that cannot be decoded

OpenCapture = Callable[[Any], Any]


class DeviceCamera(ConnectedCamera):
    """See the module. `granted` is known once frames come. A first attempt that fails is the end.

    Raises (while iterated):
        SourceLost: it cannot be opened. With `give_up_after_s` it is waited for instead.
    """

    def __init__(self, source: str, options: CameraOptions, open_capture: OpenCapture | None = None) -> None:
        device, options, pixel_format = parse_device(source, options)
        setup = ConnectionSetup(options.connection_policy(must_open=True), on_event=options.on_event)

        def open_link() -> DeviceLink:
            return DeviceLink((open_capture or _open_v4l2)(device), options, pixel_format)

        super().__init__(source, lambda: ThreadFeed(open_link, name=f"camera {source}"), setup)


class DeviceLink:
    """One opening of a V4L2 device."""

    def __init__(self, capture: Any, options: CameraOptions, pixel_format: str | None) -> None:
        cv2 = opencv()
        self._cv2 = cv2
        self._capture = capture
        self.damaged = 0
        if not capture.isOpened():
            raise LinkLost("not there or in use; see `v4l2-ctl --list-devices`")
        if pixel_format is not None:
            capture.set(cv2.CAP_PROP_FOURCC, fourcc_number(pixel_format))
        if options.size is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.size[1])
        if options.fps is not None:
            capture.set(cv2.CAP_PROP_FPS, options.fps)
        size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        granted_format = fourcc_text(int(capture.get(cv2.CAP_PROP_FOURCC)))
        # OpenCV shows what there is of a JPEG that was cut off, grey where the rest is missing: so it decodes none
        self._is_jpeg = granted_format == "MJPG" and bool(capture.set(cv2.CAP_PROP_CONVERT_RGB, 0))
        self._reduce = reduction_for(size, options.needed_size) if self._is_jpeg else 1
        frame_size = -(-size[0] // self._reduce), -(-size[1] // self._reduce)
        fps = stated_fps(float(capture.get(cv2.CAP_PROP_FPS)))
        self.granted: Granted | None = Granted(granted_format, size, fps, frame_size)

    def read(self) -> Captured:
        """See `Link`. A picture that arrived damaged is passed over."""
        for _ in range(MOST_DAMAGED):
            is_read, data = self._capture.read()
            arrival_s = time.monotonic()
            if not is_read:
                raise LinkLost("the camera stopped delivering")
            image: Image | None = decode_jpeg(data.tobytes(), self._reduce) if self._is_jpeg else data
            if image is not None:
                return Captured(image, self._captured_s(arrival_s))
            self.damaged += 1
        raise LinkLost(f"{MOST_DAMAGED} damaged pictures in a row")

    def close(self) -> None:
        """See `Link`."""
        self._capture.release()

    def _captured_s(self, arrival_s: float) -> float:
        """The driver's timestamp, which is on the monotonic clock where it can be trusted."""
        stamp_s = float(self._capture.get(self._cv2.CAP_PROP_POS_MSEC)) / 1000
        return stamp_s if 0 <= arrival_s - stamp_s <= OLDEST_STAMP_S else arrival_s


def parse_device(source: str, options: CameraOptions) -> tuple[int | str, CameraOptions, str | None]:
    """(device number or node, the wishes with those of the source on top, pixel format). Raises UsageError."""
    device, query = fields.split_source(source) if "://" in source else (source, "")
    given = fields.parse_query("v4l2://", query, {"size": fields.size, "fps": fields.positive, "format": _fourcc})
    pixel_format = given.pop("format", None)
    return int(device) if device.isdigit() else device, replace(options, **given), pixel_format


def fourcc_number(text: str) -> int:
    """`MJPG` as V4L2 and OpenCV number it."""
    return int.from_bytes(text.encode("ascii"), "little")


def _fourcc(text: str) -> str:
    if not (len(text) == 4 and text.isascii()):
        raise ValueError("four letters such as MJPG or YUYV")
    return text.upper()


def _open_v4l2(device: int | str) -> Any:
    cv2 = opencv()
    with without_native_chatter():
        return cv2.VideoCapture(device, cv2.CAP_V4L2)
