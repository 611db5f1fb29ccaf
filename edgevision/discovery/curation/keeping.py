"""A folder with what is kept, copied or linked; what was looked at stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2

from edgevision.data.classes_file import CLASSES
from edgevision.data.images import MASK_SUFFIXES
from edgevision.discovery.curation.curate import Curation, refuse_frames
from edgevision_runtime.atomic import atomic_folder, check_place
from edgevision_runtime.errors import UsageError


def check_target(path: Path, source: str) -> None:
    """Refuse a folder that is there already (it is never replaced) or lies in what is looked at.

    Raises:
        UsageError: it is one of those, or cannot be written.
    """
    if path.exists():
        raise UsageError(
            f"{path} exists already", expected="a new folder: --copy never replaces one, also not with --force"
        )
    if Path(source).is_dir() and Path(source).resolve() in path.resolve().parents:
        raise UsageError(f"{path} lies in {source}", hint="choose a folder beside it, or the copies are looked at too")
    check_place(path)


def copy_kept(curation: Curation, path: Path, *, is_link: bool) -> int:
    """Write the kept pictures under their names into a new folder; how many there are.

    Frames of a video become PNG files. The masks of a picture in images/ go along, and so does classes.txt.

    Raises:
        UsageError: see `check_target`, or a frame of a video is to be linked.
    """
    check_target(path, curation.plan.data)
    names = set(curation.kept)
    items = [item for item in curation.frames.items if item.name in names]
    frames = [item for item in items if item.frame is not None]
    if is_link:
        refuse_frames(frames)
    with atomic_folder(path) as folder:
        for source, name in _files(curation.frames.root, [item.path for item in items if item.frame is None]):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if is_link:
                target.symlink_to(source.resolve())
            else:
                shutil.copy2(source, target)
        for item, image in curation.frames.images(frames):
            target = folder / f"{item.name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return len(items)


def _files(root: Path, pictures: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """(file, its place below the root) of the pictures and of what belongs to them."""
    if (root / CLASSES).is_file():
        yield root / CLASSES, Path(CLASSES)
    for picture in pictures:
        yield picture, picture.relative_to(root)
        if picture.parent.name == "images":
            beside = picture.parent.parent / "masks"
            for mask in sorted(beside.glob(f"{picture.stem}.*")) if beside.is_dir() else []:
                if mask.suffix.lower() in MASK_SUFFIXES:
                    yield mask, mask.relative_to(root)
