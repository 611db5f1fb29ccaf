"""The cameras: one file for each kind of source, one row here."""

from __future__ import annotations

import glob
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from edgevision_runtime.errors import UsageError
from edgevision_runtime.types import Frame

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


class Camera(Protocol):
    """A source of frames: a context manager that iterates `Frame`s until the source ends.

    Raises:
        SourceLost: the source cannot be opened or stopped delivering.
    """

    is_live: bool  # frames come whether or not anyone takes them
    total: int | None  # how many frames there are, when that is known
    fps: float | None  # at which they come or were recorded, when that is known
    unreadable: list[str]  # what could not be decoded and was left out, in words

    def __iter__(self) -> Iterator[Frame]: ...

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
}


def kind_of(source: str) -> str:
    """Which row of `CAMERAS` serves a source text.

    Raises:
        UsageError: none does.
    """
    if source.isdigit() or source.startswith(("v4l2://", "/dev/video")):
        return "device"
    if "://" in source:
        scheme = source.split("://", 1)[0]
        raise UsageError(f"source {scheme}://…", expected="a device number, v4l2://, a video file, a folder or a glob")
    path = Path(source)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES or glob.has_magic(source):
        return "images"
    if path.is_file():
        return "video"
    raise UsageError(f"source {source!r} is not there", expected="a device number, a video file, a folder or a glob")


def open_camera(source: str, *, fps: float | None = None) -> Camera:
    """Open a source. With `fps`, files are paced and treated as live: frames nobody takes in time are lost."""
    kind = CAMERAS[kind_of(source)]
    camera: Camera = getattr(importlib.import_module(kind.module), kind.type)(source, fps=fps)
    return camera
