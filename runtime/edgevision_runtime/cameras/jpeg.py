"""JPEG pictures as cameras send them: whole or refused, and where one ends in a stream of bytes."""

from __future__ import annotations

from edgevision_runtime.types import Image

START, END = b"\xff\xd8", b"\xff\xd9"
REDUCTIONS = (8, 4, 2, 1)
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0–7, SOI


def decode_jpeg(data: bytes, reduce: int = 1) -> Image | None:
    """Decode to uint8 (h, w, 3) BGR, at 1/`reduce` of its size; None unless it is a whole JPEG.

    A JPEG that was cut off would decode too, with grey where the rest is missing: a frame that no camera produced.
    Whatever stands after the end, as in the buffers of V4L2 drivers, is fine.
    """
    import cv2
    import numpy as np

    if not _is_whole(data):
        return None
    flags = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
             8: cv2.IMREAD_REDUCED_COLOR_8}  # fmt: skip
    image: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags[reduce])
    return image


def _is_whole(data: bytes) -> bool:
    if data.rstrip(b"\0").endswith(END):  # nearly always, and quick to see
        return data.startswith(START)
    try:
        return jpeg_length(data) is not None
    except ValueError:
        return False


def reduction_for(size: tuple[int, int], needed: tuple[int, int] | None) -> int:
    """How far a picture of `size` (width, height) can be reduced and still hold `needed` in both directions.

    libjpeg rounds a reduced side up; a side is taken as rounded down here, which is never too small.
    """
    if needed is None:
        return 1
    return next(step for step in REDUCTIONS if step == 1 or _holds(size, needed, step))


def _holds(size: tuple[int, int], needed: tuple[int, int], step: int) -> bool:
    return size[0] // step >= needed[0] and size[1] // step >= needed[1]


def jpeg_length(data: bytes) -> int | None:
    """How many bytes the JPEG at the start of `data` has; None when its end is not among them.

    Walks the segments, because the thumbnail in a camera's EXIF segment has an end marker of its own.
    Raises ValueError for what is not a JPEG.
    """
    if data[:2] != START[: len(data)]:
        raise ValueError("not a JPEG")
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError(f"not a JPEG: byte {at} should begin a segment")
        marker = data[at + 1]
        if marker == END[1]:
            return at + 2
        if marker == 0xFF:  # padding
            at += 1
            continue
        at += 2
        if marker not in _WITHOUT_LENGTH:
            at += int.from_bytes(data[at : at + 2], "big")
        if marker == _START_OF_SCAN:
            at = _end_of_scan(data, at)
    return at + 2 if data[at : at + 2] == END else None


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the marker after the entropy-coded data stands; the end of `data` when it is not there yet."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
