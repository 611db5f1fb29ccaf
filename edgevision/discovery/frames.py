"""What is looked at: pictures of a folder, a named set, frames of videos. Labels are never read here."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.data.datasets import NAMED, fetch
from edgevision.data.images import IMAGE_SUFFIXES, read_image
from edgevision.data.packages import INTO_USER_CACHE, FetchOptions
from edgevision_runtime.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mkv", ".avi", ".mov", ".webm", ".mpg", ".mpeg"})
UNSTATED_RATE = 25.0  # frames a second of a video that does not say
MASK_FOLDERS = frozenset({"masks"})  # index pictures beside images/: nothing a camera saw


@dataclass(frozen=True)
class FrameItem:
    """One picture: a file, or one frame of a video."""

    name: str  # unique, relative to the root, forward slashes; a video's frame: clips/a.mp4#120
    path: Path
    frame: int | None = None  # position in the video; None: a picture file
    time_s: float | None = None  # of a video's frame, from its start


@dataclass(frozen=True)
class FrameSet:
    """Pictures in the order of their names; frames of a video in the order of time."""

    source: str
    root: Path
    items: tuple[FrameItem, ...]
    unreadable: list[str] = field(default_factory=list)  # what could not be decoded, in words; grows while reading

    def images(self, items: Iterable[FrameItem] | None = None) -> Iterator[tuple[FrameItem, Image]]:
        """Each item with its picture, uint8 (h, w, 3) BGR; a video is decoded once, forward.

        Unreadable ones are left out and said in `unreadable`.
        """
        for path, group in groupby(self.items if items is None else items, key=lambda item: item.path):
            listed = list(group)
            yield from _frames_of(path, listed, self.unreadable) if listed[0].frame is not None else self._files(listed)

    def read(self, item: FrameItem) -> Image:
        """One picture, uint8 (h, w, 3) BGR.

        Raises:
            DataError: it cannot be decoded.
        """
        if item.frame is None:
            return read_image(item.path)
        problems: list[str] = []
        for _, image in _frames_of(item.path, [item], problems):
            return image
        raise DataError(problems[0])

    def _files(self, items: list[FrameItem]) -> Iterator[tuple[FrameItem, Image]]:
        for item in items:
            try:
                yield item, read_image(item.path)
            except DataError as error:
                self.unreadable.append(str(error))


def check_source(source: str) -> None:
    """Refuse at once what `open_frames` refuses, before it fetches a set or counts through videos.

    Raises:
        DataError: there is no such place.
    """
    if not (source in NAMED or glob.has_magic(source) or Path(source).exists()):
        hint = did_you_mean(source, NAMED) or "`edgevision datasets` lists the named sets"
        raise DataError(f"{source} is no folder, video or named set", hint=hint)


def open_frames(source: str, every_s: float | None = None, options: FetchOptions = INTO_USER_CACHE) -> FrameSet:
    """Open a folder (of any layout, with pictures or videos), a glob, a picture, a video, or a named set.

    Of videos one frame is taken each `every_s` seconds; None: every frame.

    Raises:
        DataError: there is no such place, or nothing to look at in it.
    """
    check_source(source)
    if source in NAMED and not Path(source).exists():
        root = fetch(source, options)
        paths = _below(root)
    elif glob.has_magic(source):
        paths = sorted(Path(path) for path in glob.glob(source, recursive=True) if Path(path).is_file())  # noqa: PTH207
        root = _common_folder(paths)
    else:
        root = Path(source)
        paths = [root] if root.is_file() else _below(root)
        root = root.parent if root.is_file() else root
    items = tuple(item for path in paths for item in _items(path, root, every_s))
    if not items:
        raise DataError(f"{source} holds no pictures and no videos", expected="jpg, png, … or mp4, avi, …")
    return FrameSet(source, root, items)


def named_frames(source: str, root: Path, names: Sequence[str]) -> FrameSet:
    """The pictures of these names below `root`, in this order; whether they are there shows when they are read."""
    rates: dict[Path, float | None] = {}
    items = []
    for name in names:
        file, _, frame = name.rpartition("#")
        path = root / file
        if not (path.suffix.lower() in VIDEO_SUFFIXES and frame.isdigit()):
            items.append(FrameItem(name, root / name))
            continue
        if path not in rates:
            rates[path] = _rate(path)
        rate = rates[path]
        items.append(FrameItem(name, path, int(frame), None if rate is None else int(frame) / rate))
    return FrameSet(source, root, tuple(items))


def _below(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not _is_hidden_or_mask(path, root))


def _is_hidden_or_mask(path: Path, root: Path) -> bool:
    folders = path.relative_to(root).parts
    return any(part.startswith(".") for part in folders) or bool(MASK_FOLDERS & set(folders[:-1]))


def _common_folder(paths: list[Path]) -> Path:
    parents = {path.parent for path in paths}
    while len(parents) > 1:
        deepest = max(parents, key=lambda path: len(path.parts))
        parents = (parents - {deepest}) | {deepest.parent}
    return next(iter(parents), Path())


def _items(path: Path, root: Path, every_s: float | None) -> Iterator[FrameItem]:
    name = path.relative_to(root).as_posix()
    if path.suffix.lower() in IMAGE_SUFFIXES:
        yield FrameItem(name, path)
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        count, fps = _length(path)
        step = 1 if every_s is None else max(1, round(every_s * fps))
        for frame in range(0, max(1, count), step):  # of a broken video the first, so that reading it says so
            yield FrameItem(f"{name}#{frame}", path, frame, frame / fps)


def _length(path: Path) -> tuple[int, float]:
    """(frames, frames a second) of a video, 0 of a broken one; counted: what containers announce may be wrong."""
    import cv2

    from edgevision_runtime.quiet import without_native_chatter

    with without_native_chatter():
        video = cv2.VideoCapture(str(path))
        count = 0
        while video.grab():
            count += 1
        fps = _stated_rate(video)
        video.release()
    return count, fps


def _rate(path: Path) -> float | None:
    """Frames a second of a video; None when it cannot be opened."""
    import cv2

    from edgevision_runtime.quiet import without_native_chatter

    with without_native_chatter():
        video = cv2.VideoCapture(str(path))
        fps = _stated_rate(video) if video.isOpened() else None
        video.release()
    return fps


def _stated_rate(video: Any) -> float:
    import cv2

    fps = float(video.get(cv2.CAP_PROP_FPS))
    return fps if 0 < fps <= 1000 else UNSTATED_RATE


def _frames_of(path: Path, items: list[FrameItem], problems: list[str]) -> Iterator[tuple[FrameItem, Image]]:
    """The wanted frames of one video, decoded forward."""
    import cv2

    from edgevision_runtime.quiet import without_native_chatter

    with without_native_chatter():
        video = cv2.VideoCapture(str(path))
    try:
        position = 0
        for item in sorted(items, key=lambda item: item.frame or 0):
            assert item.frame is not None
            while position <= item.frame and video.grab():
                position += 1
            image = video.retrieve()[1] if position == item.frame + 1 else None
            if image is not None:
                yield item, image
            else:
                problems.append(f"{item.name} could not be decoded")
    finally:
        video.release()
