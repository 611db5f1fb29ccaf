"""An annotated video file (mp4)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgevision_runtime.annotate import Annotator
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.opencv import opencv
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.types import Image

DEFAULT_FPS = 10.0
SUFFIX = ".mp4"


class VideoSink:
    """Writes each annotated frame; pictures of other sizes are fitted into the first one's size."""

    needs_image = True

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        assert target is not None
        self._path, self._setup = Path(target), setup
        if not self._path.parent.is_dir():
            raise UsageError(f"{self._path.parent} is not a folder", expected="a folder to write the video into")
        if self._path.suffix.lower() != SUFFIX:
            raise UsageError(f"video {self._path}", expected=f"a file name ending in {SUFFIX}")
        if self._path.exists() and not self._path.is_file():
            raise UsageError(f"{self._path} is there and is not a file", expected="the name of a file to write")
        self._annotate = Annotator()
        self._temporary = self._path.with_name(f".{self._path.stem}.{os.getpid()}.part{SUFFIX}")
        self._writer: Any = None
        self._size = (0, 0)  # (width, height)

    def write(self, result: Result) -> None:
        """Annotate and encode one frame."""
        picture = self._annotate(result)
        if self._writer is None:
            self._writer = self._open(picture)
        self._writer.write(_fit(picture, self._size))

    def tell(self, event: Event) -> None:
        """Events are not drawn."""

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._writer is None:
            return
        cv2 = opencv()
        self._writer.release()
        self._writer = None
        with without_native_chatter():
            is_whole = cv2.VideoCapture(str(self._temporary)).isOpened()  # OpenCV does not tell of a full disk
        if not is_whole:
            self._temporary.unlink(missing_ok=True)
            raise UsageError(f"{self._path} could not be finished", hint="is the disk full?")
        self._temporary.replace(self._path)

    def _open(self, picture: Image) -> Any:
        cv2 = opencv()
        height, width = picture.shape[:2]
        self._size = (max(width, 320) // 2 * 2, height // 2 * 2)
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        with without_native_chatter():
            writer = cv2.VideoWriter(str(self._temporary), fourcc, self._setup.fps or DEFAULT_FPS, self._size)
        if not writer.isOpened():
            self._temporary.unlink(missing_ok=True)
            raise UsageError(f"{self._path} cannot be written", expected="a folder that can be written, and mp4v")
        return writer


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
