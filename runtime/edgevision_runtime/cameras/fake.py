"""A camera that misbehaves on demand: `fake://PATH?fps=30&drop=0.05&stall=3s@10&disconnect@20&seed=1`.

Plays the pictures or the video at PATH over and over, and goes through the same states as a real camera that stalls or
goes away. Its clock is virtual unless `clock=real` is asked for: hours of camera time pass in seconds, with the same
frames and the same gaps for the same seed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

from edgevision_runtime.cameras.clock import Clock, RealClock, VirtualClock
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionSetup
from edgevision_runtime.cameras.fake_script import FakeScript, parse_script
from edgevision_runtime.cameras.feed import Captured, LinkLost, SourceEnded
from edgevision_runtime.cameras.granted import Granted
from edgevision_runtime.cameras.jpeg import decode_jpeg
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cameras.query import split_source
from edgevision_runtime.errors import SourceLost, UsageError
from edgevision_runtime.types import Image

KEPT_PICTURES = 64  # decoded pictures held in memory


class Pictures(Protocol):
    """What a fake camera looks at."""

    def picture(self, number: int) -> Image:
        """Picture `number` of an endless repetition; not to be written to."""
        ...

    def close(self) -> None:
        """Be done."""
        ...


class FakeCamera(ConnectedCamera):
    """See the module."""

    def __init__(self, source: str, options: CameraOptions) -> None:
        place, query = split_source(source)
        if not place:
            raise UsageError(f"{source}: nothing to play", expected="fake://FOLDER-OR-VIDEO?fps=30&drop=0.05")
        script = parse_script(query)
        clock: Clock = RealClock() if script.clock == "real" else VirtualClock()
        self.script = script
        self._pictures = open_pictures(place)
        began_s = clock.monotonic()
        policy = options.connection_policy(must_open=False)
        setup = ConnectionSetup(policy, clock, options.on_event, seed=script.seed)
        super().__init__(source, lambda: FakeFeed(script, self._pictures, clock, began_s), setup)
        self.is_live, self.fps = script.clock == "real", script.fps

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._pictures.close()


class FakeFeed:
    """One connection to a fake camera; time passes where it waits. Of frames nobody took the newest counts."""

    def __init__(self, script: FakeScript, pictures: Pictures, clock: Clock, began_s: float) -> None:
        self.missed = self.damaged = 0
        self.granted: Granted | None = None  # pictures in a folder may have any sizes
        self._script, self._pictures = script, pictures
        self._clock, self._began_s = clock, began_s
        now_s = clock.monotonic() - began_s
        until_s = self._script.unreachable_until(now_s)
        if until_s is not None:
            raise LinkLost("the fake camera cannot be reached")
        self._lost_s = self._script.next_disconnect(now_s)
        self._number = self._seek(int(now_s * self._script.fps) + 1 if now_s else 0)

    @property
    def is_queued(self) -> bool:
        """See `Feed`: nobody else opens here."""
        return False

    @property
    def is_running(self) -> bool:
        """See `Feed`: nothing can hang here."""
        return False

    def take(self, timeout_s: float) -> Captured | None:
        """See `Feed`."""
        now_s = self._clock.monotonic() - self._began_s
        self._skip_to(now_s)
        arrival_s = self._arrival_s(self._number)
        next_s = min(arrival_s, self._lost_s, self._script.duration_s, now_s + timeout_s)
        self._clock.sleep(max(0.0, next_s - now_s))
        if self._lost_s <= next_s:
            raise LinkLost("the fake camera was disconnected")
        if self._script.duration_s <= next_s:
            raise SourceEnded("the fake camera's time is over")
        if arrival_s > next_s:
            return None
        number, self._number = self._number, self._seek(self._number + 1)
        return self._deliver(number)

    def abandon(self) -> None:
        """See `Feed`."""

    def _deliver(self, number: int) -> Captured | None:
        picture = self._pictures.picture(number)
        image = _through_a_bad_cable(picture) if self._script.is_corrupt(number) else picture
        if image is None:
            self.damaged += 1
            return None
        return Captured(image, self._began_s + number / self._script.fps)

    def _skip_to(self, now_s: float) -> None:
        """Go to the newest frame that has arrived by `now_s`, if more than one has."""
        end_s = min(now_s, self._lost_s, self._script.duration_s)
        while self._arrival_s(self._number) < end_s:
            following = self._seek(self._number + 1)
            if self._arrival_s(following) >= end_s:
                return
            self._number = following
            self.missed += 1

    def _seek(self, number: int) -> int:
        """The first frame from `number` on that is neither lost nor in a silence."""
        while True:
            until_s = self._script.silent_until(number / self._script.fps)
            if until_s is not None:
                number = max(number + 1, int(until_s * self._script.fps))
            elif self._script.is_dropped(number) and self._script.drop < 1:
                number += 1
            else:
                return number

    def _arrival_s(self, number: int) -> float:
        return number / self._script.fps + self._script.delay_s(number)


class FolderPictures:
    """Files, decoded when they are looked at."""

    def __init__(self, source: str) -> None:
        from edgevision_runtime.cameras.images import find_images, read_image

        self._paths = find_images(source)
        self._read = lru_cache(KEPT_PICTURES)(read_image)
        if not self._paths:
            raise SourceLost(f"{source}: no pictures", expected="a folder of pictures or a video")

    def picture(self, number: int) -> Image:
        """See `Pictures`. Raises SourceLost for a file that is no picture."""
        path = self._paths[number % len(self._paths)]
        image = self._read(path)
        if image is None:
            raise SourceLost(f"{path}: not a picture that OpenCV can read")
        image.flags.writeable = False
        return image

    def close(self) -> None:
        """See `Pictures`."""
        self._read.cache_clear()


class VideoPictures:
    """A video, read from its start again at its end."""

    def __init__(self, source: str) -> None:
        import cv2

        self._source, self._cv2 = source, cv2
        self._capture = cv2.VideoCapture(source)
        self._next = 0
        self._length: int | None = None  # known at its end: what containers say of it is not to be trusted

    def picture(self, number: int) -> Image:
        """See `Pictures`. Raises SourceLost when there is none."""
        wanted = number if self._length is None else number % self._length
        if wanted < self._next:
            self._rewind()
        while self._capture.grab():
            self._next += 1
            if self._next > wanted:
                image: Image = self._capture.retrieve()[1]
                return image
        if self._next == 0:
            raise SourceLost(f"{self._source}: no frame could be decoded", expected="a whole video file")
        self._length = self._next
        return self.picture(number)

    def close(self) -> None:
        """See `Pictures`."""
        self._capture.release()

    def _rewind(self) -> None:
        self._capture.release()
        self._capture = self._cv2.VideoCapture(self._source)
        self._next = 0


def open_pictures(place: str) -> Pictures:
    """What `fake://` plays: a folder, a glob or a picture; anything else that is a file is taken as a video."""
    from edgevision_runtime.cameras import kind_of

    if not Path(place).exists() and kind_of(place) != "images":
        raise UsageError(f"fake://{place} is not there", expected="a folder of pictures or a video")
    return FolderPictures(place) if kind_of(place) == "images" else VideoPictures(place)


def _through_a_bad_cable(image: Image) -> Image | None:
    """What is left of a picture whose JPEG lost its second half: nothing, if decoding is honest."""
    import cv2

    data = cv2.imencode(".jpg", image)[1].tobytes()
    return decode_jpeg(data[: len(data) // 2])
