"""Pictures with their superpixels coloured by cluster, and by name."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from edgevision.data.images import IGNORE
from edgevision.discovery.clustering.kmeans import Integers
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.discovery.regions.superpixels import at_size, working_copy
from edgevision.reports.html import Gallery, Page, Picture, Section, Table
from edgevision.reports.pictures import class_color_hex, overlay, thumbnail
from edgevision_runtime.types import Image

SHOWN = 8  # pictures of clusters
NAMED = 24  # pictures of names
OPEN_LIGHT = 0.3  # of the light of pixels that were left open
OPEN_COLOUR = "#3a3a3a"  # that stands for them in the legend
OPACITY = 0.55
GOLDEN = 0.618034  # of a turn between the hues of two clusters: near numbers look different
SIDE = 300  # pixels of the longer side of a picture


def coloured_section(regions: RegionSet, assignment: Integers) -> Section:
    """Some pictures, spread over the set, each beside itself coloured by cluster."""
    count = len(regions.pictures.items)
    chosen = sorted(spread(count, SHOWN))
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


def spread(count: int, most: int) -> set[int]:
    """At most so many of the numbers 0 to count - 1, spread evenly."""
    return {round(place) for place in np.linspace(0, count - 1, min(most, count))}


def named_picture(image: Image, mask: Image, name: str) -> Picture:
    """A picture under the colours of its mask's classes, dark where that was left open."""
    picture = working_copy(image)
    small = cv2.resize(mask, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_NEAREST)
    light = np.where(small == IGNORE, OPEN_LIGHT, 1.0)[..., None]
    return Picture(thumbnail((overlay(picture, small) * light).astype(np.uint8)), name)


def named_page(title: str, labels: Sequence[str], pictures: Sequence[Picture], facts: Table) -> Page:
    """The page of a data set that names of regions made."""
    legend = [(label, class_color_hex(number)) for number, label in enumerate(labels) if number]
    text = (
        f"Each class in its colour, {labels[0]} as it is, dark what was left open: it was rejected, bears no name, or "
        "its likest regions bear another one. Training passes over it."
    )
    gallery = Gallery(pictures, columns=4, legend=[*legend, ("left open", OPEN_COLOUR)])
    sections = [Section("Masks made of names", text, gallery=gallery), Section("Regions and pixels", table=facts)]
    return Page(title, f"{', '.join(labels)}: pictures with masks, named by their regions", sections)


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
