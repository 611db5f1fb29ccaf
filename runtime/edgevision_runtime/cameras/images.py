"""A folder, a glob or a single picture as a camera, in natural order of the names."""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgevision_runtime.cameras import IMAGE_SUFFIXES
from edgevision_runtime.cameras.clock import REAL_CLOCK, Clock
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cameras.pacing import Pace
from edgevision_runtime.errors import SourceLost
from edgevision_runtime.opencv import opencv
from edgevision_runtime.types import Frame, Image


class ImagesCamera:
    """Pictures from files, as fast as they are taken or at `fps`; what cannot be decoded is named in `unreadable`."""

    is_live = False
    clock: Clock = REAL_CLOCK

    def __init__(self, source: str, options: CameraOptions) -> None:
        self.fps: float | None = options.fps
        self._is_stopped = False
        self.unreadable: list[str] = []
        self._paths = find_images(source)
        self._pace = Pace(None if options.is_fast else options.fps)
        if not self._paths:
            suffixes = " ".join(sorted(IMAGE_SUFFIXES))
            raise SourceLost(f"{source}: no pictures", expected=f"files ending in {suffixes}")
        self.total: int | None = len(self._paths)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            self._pace.wait()
            if self._is_stopped:
                return
            image = read_image(path)
            if image is None:
                self.unreadable.append(f"{path} could not be decoded")
                continue
            yield Frame(image, index, time.monotonic(), str(path))

    def stop(self) -> None:
        """See `Camera`."""
        self._is_stopped = True

    def __enter__(self) -> ImagesCamera:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


def read_image(path: Path) -> Image | None:
    """A picture as uint8 (h, w, 3) BGR; None for a file that holds none, is not ours to read, or is gone since."""
    cv2 = opencv()
    import numpy as np

    try:
        content = np.fromfile(path, np.uint8)
        image: Image | None = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except (OSError, cv2.error):
        return None
    return image


def find_images(source: str) -> list[Path]:
    """The pictures of a folder (with its subfolders), a glob or a single file, in natural order."""
    path = Path(source)
    if path.is_dir():
        found = [file for file in path.rglob("*") if not any(part.startswith(".") for part in file.parts[-1:])]
    elif path.is_file():
        found = [path]
    else:
        found = [Path(name) for name in glob.glob(source, recursive=True)]  # noqa: PTH207 - absolute patterns too
    pictures = [file for file in found if file.is_file() and file.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(pictures, key=lambda file: _natural(str(file)))


def _natural(text: str) -> list[Any]:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text)]
