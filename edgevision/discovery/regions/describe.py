"""What is said of a superpixel: what a network sees there (or its texture), its colour, and where it lies."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edgevision.discovery.whitening import DIMENSION, LEAST_DEVIATION, Vectors, Weighing, Whitening

if TYPE_CHECKING:
    from edgevision.discovery.regions.superpixels import Labels
    from edgevision_runtime.types import Image

ORIENTATIONS = 9  # of gradients, over half a turn
SCALES = (1.0, 3.0)  # pixels by which a picture is blurred before its gradients are taken
TEXTURE_STEP = 4  # pixels from one place of the texture to the next
COLOUR_AND_PLACE = 8  # numbers: mean and deviation of Lab, down and across
EMPHASIS = 2.0  # of mean colour and place beside texture; 1 and 3 were a little worse on X-rays
FAINT = 2.0  # steps of lightness a pixel: gradients below it have no direction to speak of

FAINTEST = np.array([1.0] * 6 + [LEAST_DEVIATION] * 2)  # deviations of colour and place that say anything: a step of
# Lab is hardly seen, and OpenCV gives grey a hundredth of one

Numbers = npt.NDArray[np.float64]
Maps = npt.NDArray[np.float32]


class PlaceMaps(Protocol):
    """Something that looks at a whole picture and says what is at each place."""

    title: str
    fingerprint: str
    weighing: Weighing  # of its numbers, as of a backbone's: many gain by whitening, the few of texture lose

    def __call__(self, image: Image) -> list[Maps]:
        """A picture, uint8 (h, w, 3) BGR, to maps, float32 (places down, places across, channels) each."""
        ...


class TextureMaps:
    """How strong and of which direction the edges around each pixel are, at two scales: no network."""

    title = "texture"
    weighing: Weighing = "untouched"
    fingerprint = hashlib.sha256(f"texture {ORIENTATIONS} {SCALES} {FAINT}".encode()).hexdigest()

    def __call__(self, image: Image) -> list[Maps]:
        """See `PlaceMaps`."""
        return [_edges(_lab(image)[..., 0], scale) for scale in SCALES]


class RegionDescriber:
    """Turns the superpixels of a picture into numbers."""

    def __init__(self, maps: PlaceMaps) -> None:
        self._maps = maps
        self.title = f"{maps.title}, colour and place of superpixels"
        self.fingerprint = hashlib.sha256(f"{maps.fingerprint} lab place".encode()).hexdigest()
        self.weighing = maps.weighing

    def __call__(self, picture: Image, labels: Labels) -> Vectors:
        """A working copy, uint8 (h, w, 3) BGR, with its superpixels, uint16 (h, w), to float32 (superpixels, d)."""
        seen = [pooled(found, labels) for found in self._maps(picture)]
        return np.concatenate([*seen, *_colour(picture, labels), _place(labels)], axis=1).astype(np.float32)


def balanced(features: Vectors, weighing: Weighing, dimension: int = DIMENSION) -> Whitening:
    """Numbers of a `RegionDescriber` to a space: what a network saw, whitened to `dimension`, beside colour and place.

    Of these each is scaled to vary by 1. With all of it whitened together, noise weighs as much as colour. Numbers
    whose directions stay untouched are only scaled as well, and mean colour and place vary by `EMPHASIS` beside them.
    """
    seen, rest = features[:, :-COLOUR_AND_PLACE], features[:, -COLOUR_AND_PLACE:]
    is_untouched = weighing == "untouched"
    more = EMPHASIS if is_untouched else 1.0
    first = _scaling(seen, np.ones(seen.shape[1])) if is_untouched else Whitening.fit(seen, dimension, weighing)
    second = _scaling(rest, np.array([more] * 3 + [1.0] * 3 + [more] * 2), FAINTEST)
    kernel = np.zeros((features.shape[1], len(first.bias) + COLOUR_AND_PLACE), np.float32)
    kernel[:-COLOUR_AND_PLACE, : len(first.bias)] = first.kernel
    kernel[-COLOUR_AND_PLACE:, len(first.bias) :] = second.kernel
    return Whitening(kernel, np.concatenate([first.bias, second.bias]))


def _scaling(features: Vectors, deviations: Numbers, least: Numbers | float = LEAST_DEVIATION) -> Whitening:
    """To mean 0 and these standard deviations; what varies by less than `least` is taken to vary by that."""
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    scale = deviations / np.maximum(values.std(axis=0), least)
    return Whitening(np.diag(scale).astype(np.float32), (-mean * scale).astype(np.float32))


def pooled(maps: Maps, labels: Labels) -> Vectors:
    """The mean over each superpixel of maps (places down, places across, c), read between places: (superpixels, c)."""
    down, across, channels = maps.shape
    rows, row_shares = _between(labels.shape[0], down)
    columns, column_shares = _between(labels.shape[1], across)
    count = int(labels.max()) + 1
    shares = np.zeros(count * down * across)
    for row, row_share in zip(rows, row_shares, strict=True):
        for column, column_share in zip(columns, column_shares, strict=True):
            cell = (labels.astype(np.int64) * down + row[:, None]) * across + column
            share = row_share[:, None] * column_share
            shares += np.bincount(cell.ravel(), share.ravel(), minlength=len(shares))
    table = shares.reshape(count, down * across)
    sizes = np.bincount(labels.ravel(), minlength=count)
    return np.asarray(table @ maps.reshape(-1, channels) / sizes[:, None], np.float32)


def _between(pixels: int, places: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """For each pixel along an axis the two places it lies between, int64 (2, pixels), and their shares, (2, pixels)."""
    at = np.clip((np.arange(pixels) + 0.5) * places / pixels - 0.5, 0, places - 1)
    low = np.floor(at).astype(np.int64)
    share = at - low
    return np.stack([low, np.minimum(low + 1, places - 1)]), np.stack([1 - share, share])


def _colour(picture: Image, labels: Labels) -> list[Vectors]:
    """Mean and standard deviation of lightness, green–red and blue–yellow, (superpixels, 3) each."""
    lab = _lab(picture).astype(np.float64)
    mean, squares = _means(lab, labels), _means(lab**2, labels)
    return [mean.astype(np.float32), np.sqrt(np.maximum(squares - mean**2, 0)).astype(np.float32)]


def _place(labels: Labels) -> Vectors:
    """The middle of each superpixel, (superpixels, 2): down and across, 0..1."""
    down, across = np.indices(labels.shape) + 0.5
    places = np.stack([down / labels.shape[0], across / labels.shape[1]], axis=-1)
    return _means(places, labels).astype(np.float32)


def _means(values: npt.NDArray[np.float64], labels: Labels) -> npt.NDArray[np.float64]:
    """Of values (h, w, c) over each superpixel."""
    flat, count = labels.ravel(), int(labels.max()) + 1
    sums = [np.bincount(flat, values[..., channel].ravel(), minlength=count) for channel in range(values.shape[-1])]
    return np.stack(sums, axis=1) / np.bincount(flat, minlength=count)[:, None]


def _lab(image: Image) -> Maps:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2Lab), np.float32)


def _edges(lightness: Maps, scale: float) -> Maps:
    """Shares of the directions around each place and how strong edges are there, float32 (down, across, 10)."""
    smooth = cv2.GaussianBlur(lightness, (0, 0), scale)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    strength = np.hypot(across, down)
    bins = np.floor(np.mod(np.arctan2(down, across), np.pi) / np.pi * ORIENTATIONS).astype(int) % ORIENTATIONS
    split = np.where(bins[..., None] == np.arange(ORIENTATIONS), strength[..., None], np.float32(0))
    size = (-(-lightness.shape[1] // TEXTURE_STEP), -(-lightness.shape[0] // TEXTURE_STEP))
    around = cv2.GaussianBlur(cv2.resize(split, size, interpolation=cv2.INTER_AREA), (0, 0), scale)
    total = around.sum(axis=-1, keepdims=True)
    return np.concatenate([around / (total + FAINT), np.log1p(total)], axis=-1)
