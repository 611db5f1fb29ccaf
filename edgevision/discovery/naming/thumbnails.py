"""The pictures on the page: made when somebody looks, frames of videos in one forward pass over each video."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from edgevision.discovery.frames import FrameItem, FrameSet
from edgevision.reports.pictures import thumbnail
from edgevision_runtime.errors import DataError
from edgevision_runtime.types import Image

LONGEST_SIDE = 640  # pixels; larger pictures are made smaller
LOSSLESS_SIDE = 160  # up to which a picture goes out as it is: one wants to see the pixels of small ones
HELD_BYTES = 128 << 20
VIDEO_WITHIN_S = 60.0  # that a request waits for a frame whose turn has not come yet


class Thumbnail(NamedTuple):
    """What a browser shows."""

    content_type: str
    data: bytes


class Thumbnails:
    """The pictures of `frames` by their position. Any thread may ask."""

    def __init__(self, frames: FrameSet) -> None:
        self._frames = frames
        self._held: OrderedDict[int, Thumbnail] = OrderedDict()
        self._held_bytes = 0
        self._problems: dict[int, str] = {}
        self._wanted: set[int] = set()  # frames of videos that nobody has decoded yet
        self._is_decoding = False
        self._changed = threading.Condition()

    def get(self, position: int) -> Thumbnail:
        """One picture.

        Raises:
            DataError: it cannot be decoded, or not in time.
        """
        with self._changed:
            if position in self._held:
                self._held.move_to_end(position)
                return self._held[position]
        item = self._frames.items[position]
        if item.frame is None:
            return self._hold(position, self._frames.read(item))
        self.prepare([position])
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_settled(position), VIDEO_WITHIN_S):
                raise DataError(f"{item.name} is not decoded yet", hint="try again")
            if position in self._problems:
                raise DataError(self._problems[position])
            return self._held[position]

    def prepare(self, positions: Iterable[int]) -> None:
        """Begin to decode frames of videos, in the background; pictures in files need none of it."""
        with self._changed:
            missing = {one for one in positions if self._frames.items[one].frame is not None}
            self._wanted |= missing - self._held.keys() - self._problems.keys()
            if not self._wanted or self._is_decoding:
                return
            self._is_decoding = True
        threading.Thread(target=self._decode, name="thumbnails", daemon=True).start()

    def _is_settled(self, position: int) -> bool:
        return position in self._held or position in self._problems

    def _decode(self) -> None:
        """Until nothing is wanted any more; each round goes once through each video, forward."""
        while True:
            with self._changed:
                wanted, self._wanted = self._wanted, set()
                if not wanted:
                    self._is_decoding = False
                    return
            items = sorted((self._frames.items[one] for one in wanted), key=_place)
            positions = {self._frames.items[one].name: one for one in wanted}
            for item, image in self._frames.images(items):
                self._hold(positions.pop(item.name), image)
            with self._changed:
                self._problems |= {one: f"{name} cannot be decoded" for name, one in positions.items()}
                self._changed.notify_all()

    def _hold(self, position: int, image: Image) -> Thumbnail:
        made = _made(image)
        with self._changed:
            if position not in self._held:
                self._held[position] = made
                self._held_bytes += len(made.data)
            while self._held_bytes > HELD_BYTES and len(self._held) > 1:
                self._held_bytes -= len(self._held.popitem(last=False)[1].data)
            self._changed.notify_all()
        return made


def _place(item: FrameItem) -> tuple[str, int]:
    return str(item.path), item.frame or 0


def _made(image: Image) -> Thumbnail:
    import cv2

    side = max(image.shape[:2])
    if side <= LOSSLESS_SIDE:
        return Thumbnail("image/png", bytes(cv2.imencode(".png", image)[1].tobytes()))
    return Thumbnail("image/jpeg", thumbnail(image, min(side, LONGEST_SIDE)))
