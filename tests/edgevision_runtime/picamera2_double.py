"""A stand-in for picamera2 and libcamera: the calls that we make, as published, and faults on demand."""

# mypy: ignore-errors
from __future__ import annotations

import concurrent.futures
import time
import types
from typing import Any

import numpy as np


class Picamera2:
    """A camera of 2304x1296 whose frames are one colour; `fault` and `grants` are set by the test."""

    fault = ""  # silent | broken | absent | refuses
    alive = 0  # opened and not closed
    grants = ""  # the format of the main stream, whatever it was asked for
    stride_padding = 32  # bytes at the right of each row of YUV

    def __init__(self, camera_num=0, verbose_console=None, tuning=None, allocator=None):
        if camera_num > 0 or Picamera2.fault == "absent":
            raise IndexError("list index out of range")
        Picamera2.alive += 1
        self.is_started = False
        self.config: dict[str, Any] = {}

    def create_video_configuration(
        self, main={}, lores=None, raw={}, transform=None, colour_space=None, buffer_count=6, controls={},  # noqa: B006
        display="main", encode="main", queue=True, sensor={}, use_case="video",  # noqa: B006
    ):  # fmt: skip
        assert colour_space == "BT.601"
        streams = {"main": dict(main), "lores": None if lores is None else dict(lores)}
        return {"use_case": use_case, **streams, "controls": dict(controls), "buffer_count": buffer_count}

    def configure(self, camera_config=None):
        if Picamera2.fault == "refuses":
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        self.config = camera_config
        if Picamera2.grants:
            self.config["main"]["format"] = Picamera2.grants

    def camera_configuration(self):
        return self.config

    def start(self, config=None, show_preview=False):
        self.is_started = True

    def capture_arrays(self, names=["main"], wait=None, signal_function=None):  # noqa: B006
        assert self.is_started
        assert wait is not None, "picamera2 would wait for ever"
        time.sleep(0.01)
        if Picamera2.fault == "silent":
            raise concurrent.futures.TimeoutError
        if Picamera2.fault == "broken":
            raise RuntimeError("Failed to queue request")
        stamp_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 30_000_000
        return [self._array(self.config[name]) for name in names], {"SensorTimestamp": stamp_ns}

    def stop(self):
        self.is_started = False

    def close(self):
        Picamera2.alive -= 1

    def _array(self, stream):
        """Blue: B, G, R = 255, 0, 0; in BT.601 video range Y, U, V = 41, 240, 110."""
        width, height = stream["size"]
        if stream["format"] == "RGB888":
            return np.full((height, width, 3), (255, 0, 0), np.uint8)
        stride = width + self.stride_padding
        chroma = [np.full(height * stride // 4, 240), np.full(height * stride // 4, 110)]
        if stream["format"] == "NV12":
            chroma = [np.stack(chroma, axis=-1).ravel()]
        planes = [np.full(height * stride, 41), *chroma]
        return np.concatenate(planes).astype(np.uint8).reshape(height * 3 // 2, stride)


class ColorSpace:
    """libcamera's."""

    @staticmethod
    def Smpte170m():  # noqa: N802 - libcamera's name
        return "BT.601"


picamera2 = types.ModuleType("picamera2")
picamera2.Picamera2 = Picamera2  # type: ignore[attr-defined]
libcamera = types.ModuleType("libcamera")
libcamera.ColorSpace = ColorSpace  # type: ignore[attr-defined]
