"""Cameras on the network: `rtsp://…` through OpenCV's FFmpeg, `http://…` as Motion JPEG, or what else FFmpeg reads.

RTSP goes over TCP, which is OpenCV's own choice as long as the environment says nothing else. FFmpeg's other switches
exist only as one variable for the whole process, `OPENCV_FFMPEG_CAPTURE_OPTIONS`; a library does not set that. Whoever
starts the process may: `rtsp_transport;tcp|fflags;nobuffer|analyzeduration;200000|probesize;50000` opens a stream in
0.5 s instead of 3 s.
"""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import urlsplit

from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionSetup
from edgevision_runtime.cameras.feed import Captured, Link, LinkLost, ThreadFeed
from edgevision_runtime.cameras.granted import Granted, fourcc_text, stated_fps
from edgevision_runtime.cameras.mjpeg import MULTIPART, MjpegLink, request_stream
from edgevision_runtime.cameras.opening import OpeningQueue, Place
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cameras.stream_time import StreamTime
from edgevision_runtime.errors import UsageError
from edgevision_runtime.redact import redact
from edgevision_runtime.types import Image

OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 3.0  # FFmpeg waits up to three times as long for RTSP; the camera leaves it behind before
GATHERED = 0.5  # frames that follow each other in less than this share of their distance waited somewhere
MOST_GATHERED = 300  # frames; a machine too slow for the stream would wait for ever for one that did not

_ffmpeg_queue = OpeningQueue()  # one for the process, as OpenCV's lock is


class NetworkCamera(ConnectedCamera):
    """See the module; never lost unless `give_up_after_s` says when."""

    def __init__(self, source: str, options: CameraOptions) -> None:
        try:
            has_host = bool(urlsplit(source).hostname)
        except ValueError:
            has_host = False
        if not has_host:
            raise UsageError(f"{redact(source)} names no camera", expected="rtsp://HOST/… or http://HOST/…")
        setup = ConnectionSetup(options.connection_policy(must_open=False), on_event=options.on_event)
        super().__init__(source, lambda: _open_feed(source, options), setup)


class Arrived(NamedTuple):
    """A frame out of FFmpeg."""

    image: Image
    at_s: float  # time.monotonic()
    position_s: float  # in the stream


class FfmpegLink:
    """One connection by OpenCV's FFmpeg backend."""

    def __init__(self, url: str, *, has_positions: bool) -> None:
        import cv2

        self._cv2 = cv2
        self._time = StreamTime() if has_positions else None
        self._is_prompt = False
        wishes = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_S * 1000, cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                  READ_TIMEOUT_S * 1000]  # fmt: skip
        if hasattr(cv2, "CAP_PROP_N_THREADS"):  # OpenCV 4.8; FFmpeg's threads hold back a frame each
            wishes += [cv2.CAP_PROP_N_THREADS, 1]
        self._capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [int(wish) for wish in wishes])
        self.damaged = 0  # FFmpeg keeps to itself what it made of the damage
        if not self._capture.isOpened():
            raise LinkLost("no answer, refused, wrong password, or nothing that FFmpeg can read")
        size = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        fps = stated_fps(float(self._capture.get(cv2.CAP_PROP_FPS)))
        codec = fourcc_text(int(self._capture.get(cv2.CAP_PROP_FOURCC)))
        self.granted: Granted | None = Granted(codec, size, fps, size)

    def read(self) -> Captured:
        """See `Link`. What FFmpeg gathered while it looked at the stream is passed over: it is old by then."""
        arrived = self._next()
        if self._time is None:
            return Captured(arrived.image, arrived.at_s)
        if not self._is_prompt:
            arrived = self._pass_over(arrived)
        return Captured(arrived.image, self._time.captured_s(arrived.at_s, arrived.position_s))

    def _pass_over(self, arrived: Arrived) -> Arrived:
        """The first frame that comes in its time, as the one before it did."""
        unhurried = 0
        for _ in range(MOST_GATHERED):
            before, arrived = arrived, self._next()
            is_hurried = arrived.at_s - before.at_s < GATHERED * (arrived.position_s - before.position_s)
            unhurried = 0 if is_hurried else unhurried + 1
            if unhurried == 2:
                break
        self._is_prompt = True
        return arrived

    def _next(self) -> Arrived:
        is_read, image = self._capture.read()
        at_s = time.monotonic()
        if not is_read:
            raise LinkLost("the stream ended")
        return Arrived(image, at_s, self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000)

    def close(self) -> None:
        """See `Link`."""
        self._capture.release()


def _open_feed(url: str, options: CameraOptions) -> ThreadFeed:
    place = Place(_ffmpeg_queue)
    return ThreadFeed(lambda: _open_link(url, options, place), name="network camera", place=place)


def _open_link(url: str, options: CameraOptions, place: Place) -> Link:
    if url.lower().startswith("rtsp"):
        with place:
            return FfmpegLink(url, has_positions=True)
    response = request_stream(url, READ_TIMEOUT_S)
    if response.headers.get_content_type().startswith(MULTIPART):
        return MjpegLink(response, options.needed_size)
    response.close()
    with place:
        return FfmpegLink(url, has_positions=False)
