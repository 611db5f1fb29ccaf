"""regions.zip of a clusters folder: for each picture a PNG of 16 bits that says which superpixel each pixel is in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from edgevision_runtime.errors import DataError

if TYPE_CHECKING:
    from edgevision.discovery.regions.superpixels import Labels

REGION_MAPS = "regions.zip"
MARK = "@"  # between the name of a picture and the number of a superpixel: images/7.png@12
EXPECTED = "what `edgevision cluster --segment` wrote"


def is_region(name: str) -> bool:
    """Whether a name is that of a superpixel."""
    picture, mark, number = name.rpartition(MARK)
    return bool(picture and mark and number.isdecimal())


def picture_of(name: str) -> str:
    """Of a superpixel, the picture."""
    return name.rpartition(MARK)[0]


def number_of(name: str) -> int:
    """Of a superpixel, its number in its picture."""
    return int(name.rpartition(MARK)[2])


def numbers_of_pictures(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """For each superpixel a number that those of its picture share, int64 (n,)."""
    _, numbers = np.unique([picture_of(name) for name in names], return_inverse=True)
    return numbers.astype(np.int64)


@dataclass(frozen=True, eq=False)
class RegionMaps:
    """The superpixels of some pictures, numbered through, picture after picture."""

    pictures: tuple[str, ...]
    counts: tuple[int, ...]  # superpixels of each
    encoded: tuple[bytes, ...]  # the maps, PNG

    @classmethod
    def of(cls, names: Sequence[str], encoded: Iterable[bytes]) -> RegionMaps:
        """The maps of the pictures that these names of superpixels stand for.

        Raises:
            DataError: they do not belong together.
        """
        counts: dict[str, int] = {}
        for name in names:
            counts[picture_of(name)] = counts.get(picture_of(name), 0) + 1
        maps = tuple(encoded)
        expected = tuple(f"{picture}{MARK}{one}" for picture, count in counts.items() for one in range(count))
        if len(maps) != len(counts) or tuple(names) != expected:
            raise DataError(f"{REGION_MAPS} has maps of {len(maps)} pictures, the names are those of {len(counts)}")
        return cls(tuple(counts), tuple(counts.values()), maps)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the superpixels."""
        pairs = zip(self.pictures, self.counts, strict=True)
        return tuple(f"{picture}{MARK}{number}" for picture, count in pairs for number in range(count))

    @cached_property
    def firsts(self) -> npt.NDArray[np.int64]:
        """The position of each picture's first superpixel, and at the end how many there are."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Of each picture, its place among them."""
        return {picture: number for number, picture in enumerate(self.pictures)}

    def labels(self, picture: str) -> Labels:
        """Which superpixel of it each pixel of its working copy is in, uint16 (h, w).

        Raises:
            DataError: the map cannot be read.
        """
        data = np.frombuffer(self.encoded[self.numbers[picture]], np.uint8)
        found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if found is None or found.ndim != 2 or found.max() >= self.counts[self.numbers[picture]]:
            raise DataError(f"{REGION_MAPS}: the map of {picture} cannot be read", expected=EXPECTED)
        return np.asarray(found, np.uint16)

    def save(self, path: Path) -> None:
        """Write them: the same maps, the same bytes."""
        with zipfile.ZipFile(path, "w") as archive:
            for number, data in enumerate(self.encoded):
                archive.writestr(zipfile.ZipInfo(f"{number:06d}.png"), data)

    @classmethod
    def load(cls, path: Path, names: Sequence[str]) -> RegionMaps:
        """Read what `save` wrote, for superpixels of these names.

        Raises:
            DataError: it is not that.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                encoded = [archive.read(name) for name in sorted(archive.namelist())]
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be read: {error}", expected=EXPECTED) from error
        return cls.of(names, encoded)


def encode(labels: Labels) -> bytes:
    """A map as PNG."""
    return bytes(cv2.imencode(".png", labels)[1].tobytes())
