"""Cameras that GStreamer reads: `csi://0?size=1280x720&fps=30` (Jetson), `gst://PIPELINE` (everything else).

Through an OpenCV that was built with GStreamer (Debian's and JetPack's are, the wheel from PyPI is not) or through
PyGObject. The pipeline is given without its end: frames are converted to BGR and the newest is taken from an appsink.
"""

from __future__ import annotations

import importlib.util
import re
import time
from dataclasses import replace
from typing import Any

from edgevision_runtime.cameras import query as fields
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionSetup
from edgevision_runtime.cameras.feed import Captured, LinkLost, SourceEnded, ThreadFeed
from edgevision_runtime.cameras.granted import Granted, scaled_to, stated_fps
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.redact import redact

DEFAULT_SIZE = (1280, 720)
DEFAULT_FPS = 30.0
READ_TIMEOUT_S = 5.0
SINK = "edgevision"
_END = f"videoconvert ! video/x-raw,format=BGR ! appsink name={SINK} drop=true max-buffers=1 sync=false"


class GstreamerCamera(ConnectedCamera):
    """See the module. A first attempt that fails is the end.

    Raises:
        MissingDependency: neither an OpenCV with GStreamer nor PyGObject is here.
        SourceLost: (while iterated) the pipeline does not run, or gives no frame for `give_up_after_s`.
    """

    def __init__(self, source: str, options: CameraOptions) -> None:
        scheme, _, text = source.partition("://")
        self.pipeline = csi_pipeline(source, options) if scheme.lower() == "csi" else own_pipeline(text)
        open_link = _link_kind()
        setup = ConnectionSetup(options.connection_policy(must_open=True), on_event=options.on_event)
        told = _without_passwords(source)
        super().__init__(told, lambda: ThreadFeed(lambda: open_link(self.pipeline), name=scheme), setup)


class OpencvLink:
    """A pipeline that OpenCV runs."""

    damaged = 0  # a decoder in the pipeline keeps that to itself

    def __init__(self, pipeline: str) -> None:
        import cv2

        self._capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER)
        if not self._capture.isOpened():
            raise LinkLost("the pipeline does not run; try it with gst-launch-1.0")
        size = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        fps = stated_fps(float(self._capture.get(cv2.CAP_PROP_FPS)))
        self.granted: Granted | None = Granted("BGR", size, fps, size)

    def read(self) -> Captured:
        """See `Link`."""
        is_read, image = self._capture.read()
        if not is_read:
            raise LinkLost("the pipeline ended")
        return Captured(image, time.monotonic())

    def close(self) -> None:
        """See `Link`."""
        self._capture.release()


class AppsinkLink:
    """A pipeline that PyGObject runs."""

    damaged = 0  # a decoder in the pipeline keeps that to itself

    def __init__(self, pipeline: str) -> None:
        self._gst = gst = _load_gst()
        glib_error = importlib.import_module("gi.repository.GLib").Error
        try:
            self._pipeline = gst.parse_launch(pipeline)
        except glib_error as error:
            raise LinkLost(f"not a pipeline: {error.message}") from error
        self.granted: Granted | None = None
        self._sink = self._pipeline.get_by_name(SINK)
        self._pipeline.set_state(gst.State.PLAYING)

    def read(self) -> Captured:
        """See `Link`."""
        sample = self._sink.emit("try-pull-sample", int(READ_TIMEOUT_S * 1e9))
        arrival_s = time.monotonic()
        if sample is None:
            raise self._failure()
        return Captured(self._to_image(sample), arrival_s)

    def close(self) -> None:
        """See `Link`."""
        self._pipeline.set_state(self._gst.State.NULL)

    def _failure(self) -> Exception:
        """Why there is no sample."""
        message = self._pipeline.get_bus().pop_filtered(self._gst.MessageType.ERROR)
        if message is not None:
            return LinkLost(f"the pipeline failed: {message.parse_error()[0].message}")
        if self._sink.get_property("eos"):
            return SourceEnded("the pipeline came to its end")
        return LinkLost(f"no frame for {READ_TIMEOUT_S:g} s")

    def _to_image(self, sample: Any) -> Any:
        """uint8 (h, w, 3) BGR; GStreamer fills the rows of BGR up to a multiple of four bytes."""
        import numpy as np

        caps = sample.get_caps().get_structure(0)
        width, height = caps.get_value("width"), caps.get_value("height")
        if self.granted is None:
            is_stated, frames, seconds = caps.get_fraction("framerate")
            fps = stated_fps(frames / seconds) if is_stated and seconds else None
            self.granted = Granted("BGR", (width, height), fps, (width, height))
        buffer = sample.get_buffer()
        data = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
        rows = data[: height * (data.size // height)].reshape(height, -1)
        return np.ascontiguousarray(rows[:, : width * 3].reshape(height, width, 3))


def csi_pipeline(source: str, options: CameraOptions) -> str:
    """The pipeline of a Jetson's CSI camera; its image processor scales to what the model needs. Raises UsageError."""
    number, query = fields.split_source(source)
    if not number.isdigit():
        raise UsageError(f"csi://{number}", expected="the number of a sensor, such as csi://0")
    options = replace(options, **fields.parse_query("csi://", query, {"size": fields.size, "fps": fields.positive}))
    size = options.size or DEFAULT_SIZE
    width, height = scaled_to(size, options.needed_size)
    return (
        f"nvarguscamerasrc sensor-id={number} ! video/x-raw(memory:NVMM),width={size[0]},height={size[1]},format=NV12,"
        f"framerate={_fraction(options.fps or DEFAULT_FPS)} ! nvvidconv ! "
        f"video/x-raw,format=BGRx,width={width},height={height} ! {_END}"
    )


def own_pipeline(text: str) -> str:
    """A pipeline of the user's with our end. Raises UsageError when it has one of its own, or is empty."""
    if not text.strip() or re.search(r"\bappsink\b", text):
        raise UsageError(
            redact(_without_passwords(f"gst://{text}")),
            expected="a pipeline without its sink, such as gst://videotestsrc ! videoscale",
        )
    return f"{text.strip().rstrip('!').strip()} ! {_END}"


def _without_passwords(text: str) -> str:
    """Without the values of properties such as rtspsrc's user-pw; those in URLs are `redact`'s."""
    return re.sub(r"(?i)\b([\w-]*(?:pw|password|secret|token))\s*=\s*(\"[^\"]*\"|\S+)", r"\1=***", text)


def _fraction(fps: float) -> str:
    return f"{round(fps)}/1" if abs(fps - round(fps)) < 1e-6 else f"{round(fps * 1001)}/1001"


def _link_kind() -> type[OpencvLink] | type[AppsinkLink]:
    """Who runs pipelines here. Raises MissingDependency."""
    import cv2

    if re.search(r"GStreamer:\s+YES", cv2.getBuildInformation()):
        return OpencvLink
    if importlib.util.find_spec("gi") is not None and _load_gst() is not None:
        return AppsinkLink
    raise MissingDependency(
        "GStreamer sources need an OpenCV built with GStreamer, which the wheel from PyPI is not, or PyGObject",
        hint="sudo apt install python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0 (or python3-opencv), then a "
        "virtual environment made with --system-site-packages",
    )


def _load_gst() -> Any:
    """PyGObject's Gst, initialized; None where its description of GStreamer is missing."""
    gi = importlib.import_module("gi")
    try:
        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
    except ValueError:
        return None
    importlib.import_module("gi.repository.GstApp")  # gives the appsink its methods
    gst = importlib.import_module("gi.repository.Gst")
    gst.init(None)
    return gst
