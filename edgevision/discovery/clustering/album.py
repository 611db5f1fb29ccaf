"""The pictures that the page of clusters shows, read once, each in a small square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np

from edgevision.discovery.clustering.statistics import ClusterFacts
from edgevision.discovery.frames import FrameSet
from edgevision_runtime.types import Image

SHEET = 247  # grey of the margin around pictures that are not square, near that of the page
FRAME = (20, 110, 230)  # BGR: around borderline pictures
LARGE, SMALL = 164, 78  # pixels of a medoid and of the others; two of these and a gap are as high as a medoid
GAP = 8
PAUSE = 22  # pixels between the kinds


def read_small(frames: FrameSet, positions: Iterable[int], side: int) -> dict[int, Image]:
    """Pictures by their position, uint8 (side, side, 3) BGR; those that cannot be read are missing."""
    wanted = sorted(set(positions))
    number = {frames.items[position].name: position for position in wanted}
    pictures = frames.images([frames.items[position] for position in wanted])
    return {number[item.name]: in_square(image, side) for item, image in pictures}


def in_square(image: Image, side: int) -> Image:
    """The whole picture in a square of so many pixels; a small one is enlarged without smoothing."""
    factor = side / max(image.shape[:2])
    height, width = (max(1, round(length * factor)) for length in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.full((side, side, 3), SHEET, np.uint8)
    square[top : top + height, left : left + width] = small
    return square


def strip(facts: ClusterFacts, album: Mapping[int, Image], columns: tuple[int, int]) -> Image:
    """One cluster in a row: the medoid large, exemplars, then framed the borderline pictures, uint8 BGR.

    `columns` are those of exemplars and of borderline pictures, two in each.
    """
    parts = [_resized(album.get(facts.medoid), LARGE), _block(facts.exemplars, album, columns[0], None)]
    if columns[1]:
        parts.append(_block(facts.borderline, album, columns[1], FRAME))
    gaps = [np.full((LARGE, PAUSE if number else 0, 3), SHEET, np.uint8) for number in range(len(parts))]
    return np.hstack([piece for pair in zip(gaps, parts, strict=True) for piece in pair])


def _block(
    positions: tuple[int, ...], album: Mapping[int, Image], columns: int, frame: tuple[int, int, int] | None
) -> Image:
    block = np.full((LARGE, max(0, columns * (SMALL + GAP) - GAP), 3), SHEET, np.uint8)
    for index, position in enumerate(positions[: 2 * columns]):
        top, left = (index // columns) * (SMALL + GAP), (index % columns) * (SMALL + GAP)
        picture = _resized(album.get(position), SMALL)
        if frame is not None:
            cv2.rectangle(picture, (0, 0), (SMALL - 1, SMALL - 1), frame, 3)
        block[top : top + SMALL, left : left + SMALL] = picture
    return block


def _resized(picture: Image | None, side: int) -> Image:
    return np.full((side, side, 3), SHEET - 20, np.uint8) if picture is None else in_square(picture, side)
