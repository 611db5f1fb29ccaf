"""The cameras: one file for each kind of source, one row here."""

from __future__ import annotations

import glob
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

from edgevision_runtime.cameras.clock import Clock
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import MissingDependency, UsageError, did_you_mean
from edgevision_runtime.types import Frame

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


class Camera(Protocol):
    """A source of frames: a context manager that iterates `Frame`s until the source ends.

    Raises:
        SourceLost: the source cannot be opened or stopped delivering.
    """

    is_live: bool  # frames come whether or not anyone takes them
    total: int | None  # how many frames there are, when that is known
    clock: Clock  # by which its frames say when they were captured
    fps: float | None  # at which they come or were recorded, when that is known
    unreadable: list[str]  # what could not be decoded and was left out, in words

    def __iter__(self) -> Iterator[Frame]: ...

    def stop(self) -> None:
        """Let the iteration end soon; any thread may call it, more than once."""
        ...

    def __enter__(self) -> Camera: ...

    def __exit__(self, *exc: object) -> None: ...


class CameraKind(NamedTuple):
    """Who implements a kind of source."""

    module: str
    type: str


CAMERAS: dict[str, CameraKind] = {
    "device": CameraKind("edgevision_runtime.cameras.device", "DeviceCamera"),
    "video": CameraKind("edgevision_runtime.cameras.video", "VideoCamera"),
    "images": CameraKind("edgevision_runtime.cameras.images", "ImagesCamera"),
    "picamera": CameraKind("edgevision_runtime.cameras.picamera", "PiCamera"),
    "gstreamer": CameraKind("edgevision_runtime.cameras.gstreamer", "GstreamerCamera"),
    "stdin": CameraKind("edgevision_runtime.cameras.stdin", "StdinCamera"),
    "network": CameraKind("edgevision_runtime.cameras.network", "NetworkCamera"),
    "fake": CameraKind("edgevision_runtime.cameras.fake", "FakeCamera"),
}
SCHEMES: dict[str, str] = {
    "v4l2": "device", "picamera": "picamera", "csi": "gstreamer", "gst": "gstreamer", "rtsp": "network",
    "rtsps": "network", "http": "network", "https": "network", "fake": "fake",
}  # fmt: skip
EXPECTED = f"a device number, a video file, a folder, a glob, - or {' '.join(f'{name}://' for name in SCHEMES)}"


def kind_of(source: str) -> str:
    """Which row of `CAMERAS` serves a source text.

    Raises:
        UsageError: none does.
    """
    if source.isdigit() or source.startswith("/dev/video"):
        return "device"
    if source == "-":
        return "stdin"
    scheme, has_scheme, _ = source.partition("://")
    if has_scheme:
        if scheme.lower() in SCHEMES:
            return SCHEMES[scheme.lower()]
        hint = did_you_mean(scheme.lower(), SCHEMES).replace("?", "://?")
        raise UsageError(f"source {scheme}://…", expected=EXPECTED, hint=hint)
    path = Path(source)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES or glob.has_magic(source):
        return "images"
    if path.is_file():
        return "video"
    raise UsageError(f"source {source!r} is not there", expected=EXPECTED)


def open_camera(source: str, *, fps: float | None = None, options: CameraOptions | None = None) -> Camera:
    """Open a source. Files wait for whoever takes their frames; videos have their own pace, or that of `fps`.

    Raises:
        UsageError: no kind of camera serves it, or one of its settings cannot be.
        MissingDependency: what this kind of camera needs is not installed.
        SourceLost: it cannot be opened.
    """
    options = options or CameraOptions()
    if fps is not None:
        options = replace(options, fps=fps)
    kind = CAMERAS[kind_of(source)]
    if "cv2" not in sys.modules and importlib.util.find_spec("cv2") is None:  # half imported it cannot be looked for
        raise MissingDependency("cameras and pictures need OpenCV", hint='pip install "edgevision-runtime[camera]"')
    camera: Camera = getattr(importlib.import_module(kind.module), kind.type)(source, options)
    return camera
