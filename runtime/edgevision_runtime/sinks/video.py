"""An annotated video file (mp4) for each camera."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgevision_runtime.annotate import Annotator
from edgevision_runtime.atomic import refuse_to_overwrite
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.opencv import opencv
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.sinks.slugs import Slugs
from edgevision_runtime.types import Image

DEFAULT_FPS = 10.0
SUFFIX = ".mp4"
CAMERA = "{camera}"  # stands for a camera's name in the name of a file


class VideoSink:
    """Writes each annotated frame; several cameras need `{camera}` in the file's name."""

    needs_image = True

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        assert target is not None
        self._target, self._slugs = target, Slugs(setup.cameras)
        if len(setup.cameras) > 1 and CAMERA not in target:
            example = Path(target).with_name(f"{Path(target).stem}-{CAMERA}{SUFFIX}")
            raise UsageError(f"video {target} for {len(setup.cameras)} cameras", expected=f"a name such as {example}")
        for camera in setup.cameras or ("camera",):
            self._check(self._path(camera))
            if CAMERA in target:
                refuse_to_overwrite(self._path(camera), force=setup.force)
        self._fps = setup.fps or DEFAULT_FPS
        self._annotate = Annotator()
        self._films: dict[str, _Film] = {}

    def write(self, result: Result) -> None:
        """Annotate and encode one frame."""
        picture = self._annotate(result)
        film = self._films.get(result.camera)
        if film is None:
            film = self._films[result.camera] = _Film(self._path(result.camera), picture, self._fps)
        film.add(picture)

    def tell(self, event: Event) -> None:
        """Events are not drawn."""

    def close(self) -> None:
        """Finish every file and give it its name. Raises UsageError for the first that could not be finished."""
        films, self._films = self._films, {}
        failures = [failure for film in films.values() if (failure := film.finish()) is not None]
        if failures:
            raise failures[0]

    def _path(self, camera: str) -> Path:
        return Path(self._target.replace(CAMERA, self._slugs.of(camera)))

    def _check(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent} is not a folder", expected="a folder to write the video into")
        if path.suffix.lower() != SUFFIX:
            raise UsageError(f"video {path}", expected=f"a file name ending in {SUFFIX}")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is there and is not a file", expected="the name of a file to write")


class _Film:
    """One file; pictures of other sizes are fitted into the first one's size."""

    def __init__(self, path: Path, first: Image, fps: float) -> None:
        cv2 = opencv()
        self._path = path
        self._temporary = _unused_name(path)
        height, width = first.shape[:2]
        self._size = (max(width, 320) // 2 * 2, height // 2 * 2)  # (width, height)
        with without_native_chatter():
            self._writer: Any = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter.fourcc(*"mp4v"), fps, self._size)
        if not self._writer.isOpened():
            self._temporary.unlink(missing_ok=True)
            raise UsageError(f"{path} cannot be written", expected="a folder that can be written, and mp4v")

    def add(self, picture: Image) -> None:
        """Encode one picture."""
        self._writer.write(_fit(picture, self._size))

    def finish(self) -> UsageError | None:
        """Give the file its name, or say why it has none."""
        cv2 = opencv()
        self._writer.release()
        with without_native_chatter():
            is_whole = cv2.VideoCapture(str(self._temporary)).isOpened()  # OpenCV does not tell of a full disk
        if not is_whole:
            self._temporary.unlink(missing_ok=True)
            return UsageError(f"{self._path} could not be finished", hint="is the disk full?")
        self._temporary.replace(self._path)
        return None


def _unused_name(path: Path) -> Path:
    """A hidden name beside; that of a killed run stays, whose number this one may have, as in a container."""
    stem = f".{path.stem}.{os.getpid()}"
    place, number = path.with_name(f"{stem}.part{SUFFIX}"), 1
    while place.exists():
        number += 1
        place = path.with_name(f"{stem}-{number}.part{SUFFIX}")
    return place


def _fit(picture: Image, size: tuple[int, int]) -> Image:
    cv2 = opencv()
    import numpy as np

    width, height = size
    scale = min(width / picture.shape[1], height / picture.shape[0])
    fitted = cv2.resize(picture, (max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))))
    canvas = np.full((height, width, 3), 32, np.uint8)
    top, left = (height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
    canvas[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return canvas
