"""One pass over the pictures: what every check needs of each is taken while it is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from edgevision.data.duplicates import thumbnail
from edgevision.discovery.embeddings import PICTURES_AT_A_TIME
from edgevision_runtime.errors import DataError

if TYPE_CHECKING:
    from edgevision.discovery.backbones import Backbone
    from edgevision.discovery.frames import FrameItem, FrameSet
    from edgevision.discovery.whitening import Vectors
    from edgevision_runtime.types import Image

SHARPNESS_SIDE = 320  # pixels of the longer side, so that sharpness does not follow the camera's resolution
OnProgress = Callable[[int, int], None]  # pictures done, pictures in all


@dataclass(frozen=True, eq=False)
class Look:
    """What was seen of the pictures that could be decoded, row by row, and which could not."""

    items: tuple[FrameItem, ...]
    sides: npt.NDArray[np.int64]  # (n, 2) height, width
    light: Vectors  # (n, 2) luma that 1 % of the pixels stay below and that 1 % exceed, 0..255
    sharpness: Vectors  # (n,) variance of the Laplacian over that of the luma
    thumbnails: npt.NDArray[np.uint8]  # (n, 32, 32)
    features: Vectors | None  # (n, d) of the backbone
    unreadable: dict[str, str]  # name → problem

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rows."""
        return tuple(item.name for item in self.items)


@dataclass
class _Rows:
    items: list[FrameItem] = field(default_factory=list)
    sides: list[tuple[int, int]] = field(default_factory=list)
    light: list[tuple[float, float]] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    thumbnails: list[Image] = field(default_factory=list)
    features: list[Vectors] = field(default_factory=list)

    def add(self, item: FrameItem, image: Image) -> None:
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        self.items.append(item)
        self.sides.append((image.shape[0], image.shape[1]))
        self.light.append(light_range(gray))
        self.sharpness.append(sharpness_of(gray))
        self.thumbnails.append(thumbnail(image))


def look(frames: FrameSet, backbone: Backbone | None, on_progress: OnProgress) -> Look:
    """Decode every picture once and measure it.

    Raises:
        DataError: none could be decoded.
    """
    rows, said_before = _Rows(), len(frames.unreadable)
    on_progress(0, len(frames.items))
    pictures = frames.images()
    while batch := list(islice(pictures, PICTURES_AT_A_TIME)):
        for item, image in batch:
            rows.add(item, image)
        if backbone is not None:
            rows.features.append(backbone.features([image for _, image in batch]))
        on_progress(len(rows.items), len(frames.items))
    problems = frames.unreadable[said_before:]
    if not rows.items:
        raise DataError(f"{frames.source}: no picture could be decoded", hint="; ".join(problems[:3]))
    return Look(
        items=tuple(rows.items),
        sides=np.array(rows.sides, np.int64),
        light=np.array(rows.light, np.float32),
        sharpness=np.array(rows.sharpness, np.float32),
        thumbnails=np.stack(rows.thumbnails),
        features=np.concatenate(rows.features) if rows.features else None,
        unreadable=dict(zip(_left_out(frames, rows), problems, strict=True)),
    )


def light_range(gray: Image) -> tuple[float, float]:
    """The luma, 0..255, that 1 % of the pixels of a gray picture stay below and the one that 1 % exceed."""
    low, high = np.percentile(gray, (1, 99))
    return float(low), float(high)


def sharpness_of(gray: Image) -> float:
    """Variance of the Laplacian over that of the luma (after Pech-Pacheco and others 2000): light cancels out."""
    longer = max(gray.shape)
    if longer > SHARPNESS_SIDE:
        size = tuple(max(1, round(side * SHARPNESS_SIDE / longer)) for side in reversed(gray.shape))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    luma: Any = gray.astype(np.float32)
    return float(cv2.Laplacian(luma, cv2.CV_32F).var() / (luma.var() + 1))


def _left_out(frames: FrameSet, rows: _Rows) -> Iterator[str]:
    """Names of what was not decoded, in the order in which that was said."""
    seen = {item.name for item in rows.items}
    return (item.name for item in frames.items if item.name not in seen)
