"""Read picture and mask files. OpenCV reads pictures (EXIF rotation honoured); Pillow reads masks (palettes kept)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision_runtime.errors import DataError

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})
MASK_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".gif"})
IGNORE = 255  # the value of mask pixels that count nowhere


def read_image(path: Path) -> Image:
    """A picture as uint8 (h, w, 3) BGR, turned upright by its EXIF; 16 bits become 8, gray is repeated, alpha dropped.

    Raises:
        DataError: the file is empty, cut off, or no picture.
    """
    import cv2

    return _decode(path, cv2.IMREAD_COLOR)


def check_image(path: Path) -> None:
    """Decode as little as shows whether `read_image` will do.

    Raises:
        DataError: as `read_image`.
    """
    import cv2

    _decode(path, cv2.IMREAD_REDUCED_COLOR_8 if path.suffix.lower() in (".jpg", ".jpeg") else cv2.IMREAD_COLOR)


def read_mask_values(path: Path) -> Image:
    """The numbers that a mask file stores, uint8 (h, w): palette positions, gray steps, or 0 and 255 of one bit.

    Raises:
        DataError: unreadable, or a picture in colours.
    """
    values = _stored_values(path)
    if values.ndim == 3:
        if values.shape[2] in (2, 4):
            values = values[..., :-1]  # alpha says nothing of classes
        if (values != values[..., :1]).any():
            raise ColouredMask(f"mask {path.name} is in colours", expected="an index PNG (a number a pixel) or 0/255")
        values = values[..., 0]
    if values.max(initial=0) > 255 or values.min(initial=0) < 0:
        raise ColouredMask(f"mask {path.name} holds {int(values.max())}", expected="numbers in 0..255")
    return values.astype("uint8")


class ColouredMask(DataError):
    """A mask whose pixels are not class numbers; never skipped, always an error."""


def _stored_values(path: Path) -> Tensor:
    import numpy as np
    from PIL import Image as Picture
    from PIL import UnidentifiedImageError

    try:
        with Picture.open(path) as picture:
            values = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Picture.DecompressionBombError) as error:
        raise DataError(f"{path.name} cannot be read as a mask: {error}") from error
    return values.astype(np.uint8) * np.uint8(255) if values.dtype == np.bool_ else values


def _decode(path: Path, flags: int) -> Image:
    import cv2
    import numpy as np

    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from error
    if not data:
        raise DataError(f"{path.name} is empty")
    if _is_cut_off(data):
        raise DataError(f"{path.name} is cut off before its end")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise DataError(f"{path.name} cannot be decoded: {error.err}") from error
    if image is None or image.size == 0:
        raise DataError(f"{path.name} is not a picture that can be read")
    return image  # type: ignore[no-any-return]


def _is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG misses its end: OpenCV would fill the rest with gray and say nothing."""
    if data.startswith(b"\x89PNG"):
        return data.rfind(b"IEND") < 0
    if not data.startswith(b"\xff\xd8"):
        return False
    position = 2
    while position + 4 <= len(data):  # walk the segments to the scan; an EXIF thumbnail has an end of its own
        marker = data[position + 1]
        if data[position] != 0xFF:
            return False  # not by the book: let the decoder judge
        if marker == 0xFF:
            position += 1
        elif marker == 0xDA:
            return data.find(b"\xff\xd9", position) < 0
        else:
            position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])
    return True
