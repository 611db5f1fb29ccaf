"""Photographs for the reports, as JPEG bytes: thumbnails, and masks laid over the image they belong to."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgevision.reports.plots import PALETTE

Image = npt.NDArray[np.uint8]

LONG_SIDE = 320  # pixels: sharp in a quarter of a page, also on a screen with fine pixels
JPEG_QUALITY = 86


def thumbnail(image: Image, long_side: int = LONG_SIDE) -> bytes:
    """The JPEG of a BGR or grey image, its longer side scaled to `long_side` pixels."""
    height, width = image.shape[:2]
    factor = long_side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # a small image is enlarged without smoothing, so that one sees the pixels that the model saw
    fitted = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    _, data = cv2.imencode(".jpg", fitted, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data.tobytes())


def overlay(image: Image, mask: Image, opacity: float = 0.45) -> Image:
    """`image` (h, w, 3) with every class but 0 tinted in its colour and outlined; 255 stays as it is.

    `mask` holds class indices and may be of another size than the image.
    """
    height, width = image.shape[:2]
    mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    result = np.ascontiguousarray(image).copy()
    for index in np.unique(mask):
        if index in (0, 255):
            continue
        inside = mask == index
        tint = np.array(class_color(int(index))[::-1], dtype=np.float32)
        result[inside] = (result[inside] * (1 - opacity) + tint * opacity).astype(np.uint8)
        outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        color = tuple(int(part) for part in tint)
        cv2.drawContours(result, outlines, -1, color, max(1, round(min(height, width) / 150)))
    return result


def class_color(index: int) -> tuple[int, int, int]:
    """The colour of a class in overlays, RGB; class 1 has the palette's first."""
    text = class_color_hex(index)
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def class_color_hex(index: int) -> str:
    """The colour of a class as CSS says it."""
    return PALETTE[(index - 1) % len(PALETTE)]
