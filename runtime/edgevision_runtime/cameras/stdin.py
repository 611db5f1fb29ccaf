"""Pictures from standard input (`-`): whole JPEG and PNG files, one after the other.

As `cat *.jpg` and `ffmpeg -f image2pipe` write them; where one ends and the next begins stands in the files themselves.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator

from edgevision_runtime.cameras.clock import REAL_CLOCK, Clock
from edgevision_runtime.cameras.jpeg import START, decode_jpeg, jpeg_length
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import SourceLost
from edgevision_runtime.types import Frame

PNG_START = b"\x89PNG\r\n\x1a\n"
LARGEST_PICTURE = 256 << 20  # bytes
STOP_CHECK_S = 0.2
MOST_NAMED = 100  # unreadable pictures; a stream may go on for weeks
CHUNK = 1 << 18


class StdinCamera:
    """Every picture in turn; one that cannot be decoded is passed over and named in `unreadable`.

    Raises (while iterated):
        SourceLost: the bytes are neither JPEG nor PNG, or there are none.
    """

    is_live = False
    total: int | None = None
    clock: Clock = REAL_CLOCK

    fps: float | None = None

    def __init__(self, source: str, options: CameraOptions, descriptor: int | None = None) -> None:
        self.unreadable: list[str] = []
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._is_stopped = False

    def __iter__(self) -> Iterator[Frame]:
        import cv2
        import numpy as np

        index = 0
        for data in self._pictures():
            is_jpeg = data.startswith(START)
            image = decode_jpeg(data) if is_jpeg else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            if image is None and len(self.unreadable) < MOST_NAMED:
                self.unreadable.append(f"picture {index} on standard input could not be decoded")
            if image is not None:
                yield Frame(image, index, self.clock.monotonic(), "-")
            index += 1
        if index == 0 and not self._is_stopped:
            raise SourceLost("standard input is empty", expected="JPEG or PNG pictures one after the other")

    def stop(self) -> None:
        """See `Camera`."""
        self._is_stopped = True

    def __enter__(self) -> StdinCamera:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _pictures(self) -> Iterator[bytes]:
        """The bytes of one picture after the other; the last may be cut off."""
        buffer, seen = b"", 0
        while chunk := self._receive():
            buffer += chunk
            while (length := picture_length(buffer, seen)) is not None:
                yield buffer[:length]
                buffer, seen = buffer[length:], seen + length
            if len(buffer) > LARGEST_PICTURE:
                raise SourceLost(f"a picture of more than {LARGEST_PICTURE >> 20} MB on standard input")
        if buffer and not self._is_stopped:
            yield buffer

    def _receive(self) -> bytes:
        """The next bytes; none at the end, or when told to stop."""
        while not self._is_stopped:
            if select.select([self._descriptor], [], [], STOP_CHECK_S)[0]:
                return os.read(self._descriptor, CHUNK)
        return b""


def picture_length(data: bytes, position: int = 0) -> int | None:
    """How many bytes the JPEG or PNG at the start of `data` has; None when its end is not among them.

    Raises:
        SourceLost: it is neither; `position` says in the message where in the stream it stands.
    """
    if len(data) < len(PNG_START):
        return None
    if data.startswith(PNG_START):
        return _png_length(data)
    try:
        return jpeg_length(data)
    except ValueError as error:
        raise SourceLost(f"standard input, byte {position}: neither a JPEG nor a PNG") from error


def _png_length(data: bytes) -> int | None:
    at = len(PNG_START)
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 12 + size
        if kind == b"IEND":
            return at if at <= len(data) else None
    return None
