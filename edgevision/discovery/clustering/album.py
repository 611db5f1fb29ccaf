"""The pictures that the page of clusters shows, read once, in tiles of the shape that most of them have."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from edgevision.discovery.clustering.statistics import ClusterFacts
from edgevision.discovery.frames import FrameSet
from edgevision_runtime.types import Image

SHEET = 247  # grey of the margin around pictures that are not square, near that of the page
MISSING = 228  # grey of a tile without a picture
FRAME = (20, 110, 230)  # BGR: around borderline pictures
LARGE, SMALL = 164, 78  # pixels of the height of a medoid and of the others; two of these and a gap are as high
GAP = 8
PAUSE = 22  # pixels between the kinds
NARROWEST, WIDEST = 0.6, 1.8  # width of a tile in heights; pictures beyond get a margin


class Album:
    """Pictures by their position, at most as large as a medoid is shown; those that cannot be read are missing."""

    def __init__(self, frames: FrameSet, positions: Iterable[int]) -> None:
        wanted = [frames.items[position] for position in sorted(set(positions))]
        number = {frames.items[position].name: position for position in set(positions)}
        box = (LARGE, round(WIDEST * LARGE))
        self.pictures: dict[int, Image] = {
            number[item.name]: fitted(image, box) for item, image in frames.images(wanted)
        }
        shapes = [image.shape[1] / image.shape[0] for image in self.pictures.values()] or [1.0]
        self.aspect = float(np.clip(np.median(shapes), NARROWEST, WIDEST))  # width of the tiles, in heights

    def tile(self, position: int, height: int) -> Image:
        """The whole picture in a tile of that height, uint8 (height, width, 3) BGR; grey where there is none."""
        width = round(height * self.aspect)
        tile = np.full((height, width, 3), SHEET, np.uint8)
        picture = self.pictures.get(position)
        if picture is None:
            tile[:] = MISSING
            return tile
        small = fitted(picture, (height, width))
        top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
        tile[top : top + small.shape[0], left : left + small.shape[1]] = small
        return tile


def fitted(image: Image, box: tuple[int, int]) -> Image:
    """The picture as large as it fits into (height, width); a small one is enlarged without smoothing."""
    factor = min(box[0] / image.shape[0], box[1] / image.shape[1])
    height, width = (max(1, round(length * factor)) for length in image.shape[:2])
    kernel = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (width, height), interpolation=kernel), np.uint8)


def strip(facts: ClusterFacts, album: Album, columns: tuple[int, int]) -> Image:
    """One cluster in a row: the medoid large, exemplars, then framed the borderline pictures, uint8 BGR.

    `columns` are those of exemplars and of borderline pictures, two in each.
    """
    blocks = [_block(facts.exemplars, album, columns[0], None), _block(facts.borderline, album, columns[1], FRAME)]
    parts = [album.tile(facts.medoid, LARGE), *(block for block in blocks if block.shape[1])]
    gap = np.full((LARGE, PAUSE, 3), SHEET, np.uint8)
    return np.hstack([piece for part in parts for piece in (gap, part)][1:])


def _block(positions: tuple[int, ...], album: Album, columns: int, frame: tuple[int, int, int] | None) -> Image:
    step = round(SMALL * album.aspect) + GAP
    block = np.full((LARGE, max(0, columns * step - GAP), 3), SHEET, np.uint8)
    for index, position in enumerate(positions[: 2 * columns]):
        top, left = (index // columns) * (SMALL + GAP), (index % columns) * step
        tile = album.tile(position, SMALL)
        if frame is not None:
            cv2.rectangle(tile, (0, 0), (tile.shape[1] - 1, tile.shape[0] - 1), frame, 3)
        block[top : top + SMALL, left : left + tile.shape[1]] = tile
    return block
