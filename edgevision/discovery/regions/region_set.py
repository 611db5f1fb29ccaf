"""Superpixels as pictures to look at: each cut out with what is around it, and its outline drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from edgevision.discovery.frames import FrameItem, FrameSet, named_frames
from edgevision.discovery.regions.region_maps import RegionMaps, number_of, picture_of
from edgevision.discovery.regions.superpixels import at_size

if TYPE_CHECKING:
    from pathlib import Path

    from edgevision_runtime.types import Image

AROUND = 5  # the cut's side, in sides of the superpixel's box
LEAST_SHARE = 0.4  # of the picture's longer side that a cut shows: one wants to know where it lies
CUT_SIDE = 320  # pixels of a cut, at least: a thin outline on a small picture hides what it outlines
INSIDE, OUTSIDE = (0, 230, 255), (0, 0, 0)  # BGR of the two lines of an outline: one of them shows on any ground

Inside = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RegionSet(FrameSet):
    """Superpixels in the order of their pictures; `path`, `frame` and `time_s` of an item are those of its picture."""

    pictures: FrameSet = field(kw_only=True)
    maps: RegionMaps = field(kw_only=True)

    @classmethod
    def of(cls, source: str, root: Path, maps: RegionMaps) -> RegionSet:
        """The superpixels of pictures below `root`; whether those are there shows when they are read."""
        pictures = named_frames(source, root, maps.pictures)
        items = [
            replace(item, name=name)
            for item, first, after in zip(pictures.items, maps.firsts[:-1], maps.firsts[1:], strict=True)
            for name in maps.names[first:after]
        ]
        return cls(source, root, tuple(items), pictures.unreadable, pictures=pictures, maps=maps)

    def images(self, items: Iterable[FrameItem] | None = None) -> Iterator[tuple[FrameItem, Image]]:
        """Each superpixel with its cut, uint8 (h, w, 3) BGR, in the order of the pictures, which are decoded once."""
        asked: dict[int, list[FrameItem]] = {}
        for item in self.items if items is None else items:
            asked.setdefault(self.maps.numbers[picture_of(item.name)], []).append(item)
        for item, image in self.pictures.images(self.pictures.items[number] for number in sorted(asked)):
            labels = at_size(self.maps.labels(item.name), *image.shape[:2])
            for one in asked[self.maps.numbers[item.name]]:
                yield one, cut_out(image, labels == number_of(one.name))

    def read(self, item: FrameItem) -> Image:
        """One cut, uint8 (h, w, 3) BGR.

        Raises:
            DataError: its picture cannot be decoded.
        """
        picture = picture_of(item.name)
        image = self.pictures.read(self.pictures.items[self.maps.numbers[picture]])
        labels = at_size(self.maps.labels(picture), *image.shape[:2])
        return cut_out(image, labels == number_of(item.name))


def cut_out(image: Image, inside: Inside) -> Image:
    """The part of a picture around a region, bool (h, w), with its outline; square where the picture allows it."""
    height, width = image.shape[:2]
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) == 0:  # a superpixel of a pixel or two, gone in a smaller picture
        rows, columns = np.arange(height), np.arange(width)
    box = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = round(max(AROUND * box, LEAST_SHARE * max(height, width)))
    down, across = _window(rows, side, height), _window(columns, side, width)
    cut, part = image[down, across], inside[down, across].astype(np.uint8)
    factor = max(1.0, CUT_SIDE / max(cut.shape[:2]))
    size = (round(cut.shape[1] * factor), round(cut.shape[0] * factor))
    kernel = cv2.INTER_CUBIC if factor < 8 else cv2.INTER_NEAREST
    large = np.ascontiguousarray(cv2.resize(cut, size, interpolation=kernel))
    outline, _ = cv2.findContours(cv2.resize(part, size, interpolation=cv2.INTER_NEAREST), cv2.RETR_EXTERNAL,
                                  cv2.CHAIN_APPROX_NONE)  # fmt: skip
    thin = max(1, round(max(size) / 130))
    cv2.drawContours(large, outline, -1, OUTSIDE, 3 * thin)
    cv2.drawContours(large, outline, -1, INSIDE, thin)
    return np.asarray(large, np.uint8)


def _window(inside: npt.NDArray[np.int64], side: int, length: int) -> slice:
    """A stretch of `side` around these positions, moved into 0..length; the whole where that is shorter."""
    first = round((int(inside[0]) + int(inside[-1]) + 1) / 2 - side / 2)
    first = max(0, min(first, length - side))
    return slice(first, min(length, first + side))
