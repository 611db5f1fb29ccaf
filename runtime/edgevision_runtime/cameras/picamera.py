"""A Raspberry Pi camera through picamera2: `picamera://0?size=1280x720&fps=30`.

When the model needs less than the main stream has, the camera's own image processor scales a second stream (`lores`) to
the smallest size in the same shape that suffices, and frames come from there. Capture times are the sensor's.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import importlib
import importlib.util
import time
from dataclasses import replace
from typing import Any

from edgevision_runtime.cameras import query as fields
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionSetup
from edgevision_runtime.cameras.feed import Captured, LinkLost, ThreadFeed
from edgevision_runtime.cameras.granted import Granted, scaled_to
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.types import Image

DEFAULT_SIZE = (1280, 720)
DEFAULT_FPS = 30.0
READ_TIMEOUT_S = 5.0  # picamera2 by itself would wait for ever when the ribbon cable comes off
OLDEST_STAMP_S = 10.0
# OpenCV's conversions of what a camera's pipeline may grant, whatever was asked for.
CONVERSIONS: dict[str, str | None] = {
    "RGB888": None,  # which is B, G, R in memory
    "YUV420": "COLOR_YUV2BGR_I420",
    "NV12": "COLOR_YUV2BGR_NV12",
}


class PiCamera(ConnectedCamera):
    """See the module. `granted` is known once frames come. A first attempt that fails is the end.

    Raises:
        MissingDependency: picamera2 is not installed.
        SourceLost: (while iterated) there is no such camera, or it stays silent for `give_up_after_s`.
    """

    def __init__(self, source: str, options: CameraOptions) -> None:
        place, query = fields.split_source(source)
        if place and not place.isdigit():
            raise UsageError(f"picamera://{place}", expected="picamera://, or picamera://1 for the second camera")
        given = fields.parse_query("picamera://", query, {"size": fields.size, "fps": fields.positive})
        options = replace(options, **given)
        if importlib.util.find_spec("picamera2") is None or importlib.util.find_spec("libcamera") is None:
            raise MissingDependency(
                "picamera2 is not installed",
                hint="sudo apt install python3-picamera2, then a virtual environment made with --system-site-packages",
            )
        setup = ConnectionSetup(options.connection_policy(must_open=True), on_event=options.on_event)

        def open_link() -> PiCameraLink:
            return PiCameraLink(int(place or 0), options)

        super().__init__(source, lambda: ThreadFeed(open_link, name="picamera"), setup)


class PiCameraLink:
    """One opening of a camera by picamera2."""

    damaged = 0  # what it delivers is not compressed

    def __init__(self, number: int, options: CameraOptions) -> None:
        picamera2 = importlib.import_module("picamera2")
        try:
            self._camera = picamera2.Picamera2(number)
        except IndexError as error:
            raise LinkLost(f"there is no camera {number}; see `rpicam-hello --list-cameras`") from error
        except RuntimeError as error:
            raise LinkLost(f"the camera cannot be opened: {error}") from error
        # at the end of a process picamera2 would close it too, beside the thread that has it, and one of both fails
        atexit.unregister(self._camera.close)
        try:
            self.granted: Granted | None = self._start(options)
        except RuntimeError as error:
            self._camera.close()
            raise LinkLost(f"the camera refuses: {error}") from error

    def read(self) -> Captured:
        """See `Link`."""
        try:
            (array,), facts = self._camera.capture_arrays([self._stream], wait=READ_TIMEOUT_S)
        except (concurrent.futures.TimeoutError, TimeoutError) as error:
            raise LinkLost(f"no frame for {READ_TIMEOUT_S:g} s") from error
        except RuntimeError as error:
            raise LinkLost(f"the camera failed: {error}") from error
        return Captured(self._to_image(array), _captured_s(facts))

    def close(self) -> None:
        """See `Link`."""
        self._camera.stop()
        self._camera.close()

    def _start(self, options: CameraOptions) -> Granted:
        size, fps = options.size or DEFAULT_SIZE, options.fps or DEFAULT_FPS
        lores_size = scaled_to(size, options.needed_size)
        self._stream = "main" if lores_size == size else "lores"
        # YUV that follows BT.601 in video range is what OpenCV's conversion undoes exactly
        colour_space = importlib.import_module("libcamera").ColorSpace.Smpte170m()
        period_us = round(1e6 / fps)
        self._camera.configure(
            self._camera.create_video_configuration(
                main={"format": "RGB888", "size": size},
                lores=None if self._stream == "main" else {"format": "YUV420", "size": lores_size},
                colour_space=colour_space,
                buffer_count=4,
                controls={"FrameDurationLimits": (period_us, period_us)},
                display=None,
                encode=None,
            )
        )
        got = self._camera.camera_configuration()
        self._format: str = got[self._stream]["format"]
        if self._format not in CONVERSIONS:
            raise RuntimeError(f"it sends {self._format}, which is none of {', '.join(CONVERSIONS)}")
        self._camera.start()
        width, height = got[self._stream]["size"]
        self._frame_size = int(width), int(height)
        granted_us = got["controls"]["FrameDurationLimits"][0]
        main_width, main_height = got["main"]["size"]
        return Granted(self._format, (int(main_width), int(main_height)), 1e6 / granted_us, self._frame_size)

    def _to_image(self, array: Any) -> Image:
        """uint8 (h, w, 3) BGR of a stream's array; the padding at the right of YUV rows goes."""
        import cv2
        import numpy as np

        conversion = CONVERSIONS[self._format]
        if conversion is None:
            image: Image = array
            return image
        width, height = self._frame_size
        padded = cv2.cvtColor(array, getattr(cv2, conversion))
        return np.ascontiguousarray(padded[:height, :width])


def _captured_s(facts: dict[str, Any]) -> float:
    """The sensor's timestamp, which counts from boot, sleep included, on the clock of time.monotonic()."""
    now_s = time.monotonic()
    stamp_ns = facts.get("SensorTimestamp")
    if stamp_ns is None:
        return now_s
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - stamp_ns / 1e9
    return now_s - age_s if 0 <= age_s <= OLDEST_STAMP_S else now_s
