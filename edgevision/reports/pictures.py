"""Sheets of photographs for the reports, as JPEG bytes: worst mistakes with captions, masks over their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgevision.reports.plots import PALETTE

Image = npt.NDArray[np.uint8]

TILE = 240  # pixels: edge of the square that an image is fitted into
GAP, CAPTION_LINE = 10, 22
PAPER, INK = (255, 255, 255), (40, 35, 31)  # BGR
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, eq=False)
class Picture:
    """One photograph of a sheet and the lines under it."""

    image: Image  # uint8 BGR (h, w, 3), any size
    caption: str = ""  # lines separated by \n
    status: str = ""  # pass | fail: draws a frame in that colour


def contact_sheet(pictures: Sequence[Picture], columns: int = 4) -> bytes:
    """Pictures in rows, each fitted into a square with its caption underneath."""
    lines = max((picture.caption.count("\n") + 1 for picture in pictures if picture.caption), default=0)
    tiles = [_tile(picture, lines) for picture in pictures]
    return encode_jpeg(_grid(tiles, columns))


def mask_sheet(
    rows: Sequence[tuple[Image, Image, Image]], labels: Sequence[str], captions: Sequence[str] = ()
) -> bytes:
    """One row per image: the photograph, the true mask over it, the model's mask over it.

    Each row is (image BGR (h, w, 3), truth (h, w), said (h, w)): masks hold class indices, 255 is ignored; they may be
    smaller than the image. A legend of the classes, all but class 0, closes the sheet.
    """
    tiles = []
    for position, (image, truth, said) in enumerate(rows):
        name = captions[position] if position < len(captions) else ""
        tiles += [
            _tile(Picture(image, name), 1),
            _tile(Picture(overlay(image, truth), "truth"), 1),
            _tile(Picture(overlay(image, said), "model"), 1),
        ]
    return encode_jpeg(np.vstack([_grid(tiles, 3), _legend(labels, 3 * (TILE + GAP) + GAP)]))


def overlay(image: Image, mask: Image, opacity: float = 0.5) -> Image:
    """`image` with every class but 0 tinted in its colour and outlined; 255 stays as it is."""
    height, width = image.shape[:2]
    mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    result = np.ascontiguousarray(image).copy()
    for index in np.unique(mask):
        if index in (0, 255):
            continue
        color = np.array(class_color(int(index)), dtype=np.float32)
        inside = mask == index
        result[inside] = (result[inside] * (1 - opacity) + color * opacity).astype(np.uint8)
        outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(result, outlines, -1, class_color(int(index)), max(1, round(min(height, width) / 150)))
    return result


def class_color(index: int) -> tuple[int, int, int]:
    """The colour of a class in overlays, BGR; class 1 is the palette's first."""
    text = PALETTE[(index - 1) % len(PALETTE)]
    return int(text[5:7], 16), int(text[3:5], 16), int(text[1:3], 16)


def encode_jpeg(image: Image) -> bytes:
    """The JPEG file of a BGR image: photographs as PNG would make a report ten times as large."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return bytes(data.tobytes())


def _tile(picture: Picture, caption_lines: int) -> Image:
    tile: Image = np.full((TILE + caption_lines * CAPTION_LINE, TILE, 3), PAPER, dtype=np.uint8)
    height, width = picture.image.shape[:2]
    factor = TILE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    fitted = cv2.resize(picture.image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    top, left = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = fitted
    if picture.status:
        color = class_color(3) if picture.status == "pass" else class_color(2)
        cv2.rectangle(tile, (left, top), (left + size[0] - 1, top + size[1] - 1), color, 4)
    for line, text in enumerate(picture.caption.split("\n")[:caption_lines]):
        _write(tile, text, (2, TILE + (line + 1) * CAPTION_LINE - 6))
    return tile


def _write(image: Image, text: str, origin: tuple[int, int]) -> None:
    text = text.encode("ascii", "replace").decode()  # the Hershey fonts know no more
    scale = 0.48
    while cv2.getTextSize(text, FONT, scale, 1)[0][0] > TILE - 4 and len(text) > 4:
        text = text[: len(text) // 2 - 2] + ".." + text[len(text) // 2 + 1 :]
    cv2.putText(image, text, origin, FONT, scale, INK, 1, cv2.LINE_AA)


def _grid(tiles: Sequence[Image], columns: int) -> Image:
    columns = max(1, min(columns, len(tiles)))
    height = tiles[0].shape[0] if tiles else TILE
    rows = -(-len(tiles) // columns)
    sheet: Image = np.full((rows * (height + GAP) + GAP, columns * (TILE + GAP) + GAP, 3), PAPER, dtype=np.uint8)
    for position, tile in enumerate(tiles):
        top = GAP + (position // columns) * (height + GAP)
        left = GAP + (position % columns) * (TILE + GAP)
        sheet[top : top + height, left : left + TILE] = tile
    return sheet


def _legend(labels: Sequence[str], width: int) -> Image:
    strip: Image = np.full((34, width, 3), PAPER, dtype=np.uint8)
    left = GAP
    for index, label in enumerate(labels):
        if index == 0:
            continue
        text = label.encode("ascii", "replace").decode()
        cv2.rectangle(strip, (left, 8), (left + 18, 24), class_color(index), -1)
        cv2.putText(strip, text, (left + 26, 22), FONT, 0.5, INK, 1, cv2.LINE_AA)
        left += 46 + cv2.getTextSize(text, FONT, 0.5, 1)[0][0]
    return strip
