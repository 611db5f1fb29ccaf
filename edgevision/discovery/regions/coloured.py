"""Pictures with their superpixels coloured by cluster, and by name."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from edgevision.discovery.clustering.kmeans import Integers
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.discovery.regions.superpixels import at_size, working_copy
from edgevision.reports.html import Gallery, Picture, Section
from edgevision.reports.pictures import thumbnail
from edgevision_runtime.types import Image

SHOWN = 8  # pictures
OPACITY = 0.55
GOLDEN = 0.618034  # of a turn between the hues of two clusters: near numbers look different
SIDE = 300  # pixels of the longer side of a picture


def coloured_section(regions: RegionSet, assignment: Integers) -> Section:
    """Some pictures, spread over the set, each beside itself coloured by cluster."""
    count = len(regions.pictures.items)
    chosen = sorted({round(place) for place in np.linspace(0, count - 1, min(SHOWN, count))})
    pictures = []
    for item, image in regions.pictures.images(regions.pictures.items[number] for number in chosen):
        picture = working_copy(image)
        labels = at_size(regions.maps.labels(item.name), *picture.shape[:2])
        first = int(regions.maps.firsts[regions.maps.numbers[item.name]])
        pair = np.hstack([picture, coloured(picture, assignment[first + labels.astype(np.int64)])])
        pictures.append(Picture(thumbnail(pair, 2 * SIDE), item.name))
    text = (
        "Each superpixel in the colour of its cluster; the same colour is the same cluster in every picture. What you "
        "want to tell apart must differ in colour here; one thing may well have several."
    )
    return Section("The pictures, coloured by cluster", text, gallery=Gallery(pictures, columns=2))


def coloured(picture: Image, clusters: Integers) -> Image:
    """A picture, uint8 (h, w, 3) BGR, under the colours of clusters, int64 (h, w), with the borders between them."""
    palette = np.array([_colour(number) for number in range(int(clusters.max()) + 1)], np.float32)
    mixed = (picture * (1 - OPACITY) + palette[clusters] * OPACITY).astype(np.uint8)
    numbers = clusters.astype(np.float32)
    border = (cv2.dilate(numbers, np.ones((2, 2))) != cv2.erode(numbers, np.ones((2, 2))))[..., None]
    return np.where(border, np.uint8(255), mixed)


def _colour(number: int) -> tuple[float, float, float]:
    """BGR."""
    saturation, value = (0.95, 1.0) if number % 2 else (0.65, 0.85)
    red, green, blue = colorsys.hsv_to_rgb(number * GOLDEN % 1, saturation, value)
    return 255 * blue, 255 * green, 255 * red
