"""V4L2: what was asked for and what was granted, Motion JPEG at a part of its size, and a node that vanishes.

OpenCV's capture is replaced by a double: no kernel of ours has a camera. With vivid it runs in the arm64 machine.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import cv2
import numpy as np
import pytest

from edgevision_runtime.cameras.device import DeviceCamera, fourcc_number, parse_device
from edgevision_runtime.cameras.events import CameraEvent, Gap, StateChange
from edgevision_runtime.cameras.granted import Granted, fourcc_text, scaled_to
from edgevision_runtime.cameras.jpeg import decode_jpeg, jpeg_length, reduction_for
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import SourceLost, UsageError

LARGEST = (1280, 720)  # what the double's sensor has


class Capture:
    """Behaves like cv2.VideoCapture on a webcam with Motion JPEG: grants at most LARGEST and 30 fps."""

    def __init__(self, frames: int = 10**9, *, is_there: bool = True, damaged: tuple[int, ...] = ()) -> None:
        self.values: dict[int, float] = {
            cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480, cv2.CAP_PROP_FPS: 30,
            cv2.CAP_PROP_FOURCC: fourcc_number("YUYV"), cv2.CAP_PROP_CONVERT_RGB: 1,
        }  # fmt: skip
        self.left, self.is_there, self.damaged, self.count = frames, is_there, damaged, 0
        self.is_released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.is_there

    def set(self, name: int, value: float) -> bool:
        limits = {cv2.CAP_PROP_FRAME_WIDTH: LARGEST[0], cv2.CAP_PROP_FRAME_HEIGHT: LARGEST[1], cv2.CAP_PROP_FPS: 30}
        self.values[name] = min(value, limits.get(name, value))
        return True

    def get(self, name: int) -> float:
        return time.monotonic() * 1000 - 20 if name == cv2.CAP_PROP_POS_MSEC else self.values[name]

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.005)
        self.left -= 1
        self.count += 1
        if self.left < 0:
            return False, None
        image = np.full(
            (int(self.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(self.get(cv2.CAP_PROP_FRAME_WIDTH)), 3), 90, np.uint8
        )
        if self.values[cv2.CAP_PROP_CONVERT_RGB]:
            return True, image
        data = cv2.imencode(".jpg", image)[1].reshape(1, -1)
        return True, data[:, : data.size // 2] if self.count in self.damaged else data

    def release(self) -> None:
        self.is_released = True


def first(camera: DeviceCamera, count: int = 1) -> list[Any]:
    with camera:
        return list(itertools.islice(camera, count))


def test_what_was_asked_for_is_asked_and_what_was_granted_is_told() -> None:
    source = "v4l2:///dev/video0?size=1920x1080&fps=60&format=mjpg"
    camera = DeviceCamera(source, CameraOptions(), lambda device: Capture())

    (frame,) = first(camera)

    assert camera.granted == Granted("MJPG", (1280, 720), 30.0, (1280, 720))
    assert str(camera.granted) == "MJPG 1280x720 at 30 fps"
    assert frame.image.shape == (720, 1280, 3)
    assert time.monotonic() - frame.captured_s > 0.015  # by the driver's timestamp, 20 ms before it was read


@pytest.mark.parametrize(
    ("needed", "shape"),
    [((224, 224), (360, 640, 3)), ((96, 96), (180, 320, 3)), ((160, 90), (90, 160, 3)), ((1280, 721), (720, 1280, 3))],
)
def test_motion_jpeg_is_decoded_no_larger_than_needed(needed: tuple[int, int], shape: tuple[int, int, int]) -> None:
    options = CameraOptions(needed_size=needed)
    camera = DeviceCamera("v4l2:///dev/video0?size=1280x720&format=MJPG", options, lambda device: Capture())

    (frame,) = first(camera)

    assert frame.image.shape == shape
    assert abs(int(frame.image.mean()) - 90) <= 1  # JPEG of one colour
    assert camera.granted is not None
    assert camera.granted.frame_size == (shape[1], shape[0])


def test_other_formats_are_left_to_opencv_whatever_is_needed() -> None:
    camera = DeviceCamera("0", CameraOptions(needed_size=(96, 96)), lambda device: Capture())

    (frame,) = first(camera)

    assert camera.granted == Granted("YUYV", (640, 480), 30.0, (640, 480))
    assert frame.image.shape == (480, 640, 3)


@pytest.mark.parametrize("needed", [None, (96, 96)])
def test_a_damaged_picture_is_passed_over_and_counted(needed: tuple[int, int] | None) -> None:
    options = CameraOptions(needed_size=needed)
    camera = DeviceCamera("v4l2:///dev/video0?format=MJPG", options, lambda device: Capture(damaged=(2, 3)))

    frames = first(camera, 4)

    assert camera.damaged == 2
    assert all(abs(int(frame.image.mean()) - 90) <= 1 for frame in frames)


def test_a_node_that_vanishes_is_found_again_and_the_gap_is_told() -> None:
    events: list[CameraEvent] = []
    captures = [Capture(frames=5), Capture(is_there=False), Capture()]
    opened = iter(captures)
    camera = DeviceCamera("/dev/video0", CameraOptions(on_event=events.append), lambda device: next(opened))

    with camera:
        back = next(frame for frame in camera if camera.reconnects == 2)

    granted = [str(event.granted) for event in events if isinstance(event, StateChange) and event.state == "streaming"]
    assert granted == ["YUYV 640x480 at 30 fps"] * 2
    (begun, over) = [event for event in events if isinstance(event, Gap)]
    assert begun.reason == "the camera stopped delivering"
    assert over.ended_s == back.captured_s
    assert captures[0].is_released


def test_a_camera_that_is_not_there_at_the_start_is_an_error_unless_it_may_be_waited_for() -> None:
    with pytest.raises(SourceLost, match="/dev/video9 cannot be opened: not there or in use"):
        first(DeviceCamera("/dev/video9", CameraOptions()))

    opened = iter([Capture(is_there=False), Capture()])
    waited = DeviceCamera("/dev/video9", CameraOptions(give_up_after_s=30), lambda device: next(opened))
    assert len(first(waited)) == 1


def test_a_device_is_named_by_number_node_or_url() -> None:
    assert parse_device("2", CameraOptions())[0] == 2
    assert parse_device("/dev/video3", CameraOptions())[0] == "/dev/video3"
    assert parse_device("v4l2:///dev/v4l/by-id/cam-1", CameraOptions())[0] == "/dev/v4l/by-id/cam-1"
    assert parse_device("v4l2://0?fps=15", CameraOptions(fps=30))[1].fps == 15
    with pytest.raises(UsageError, match=r"did you mean format\?"):
        parse_device("v4l2:///dev/video0?fromat=MJPG", CameraOptions())
    with pytest.raises(UsageError, match="expected four letters"):
        parse_device("v4l2:///dev/video0?format=jpeg2", CameraOptions())
    with pytest.raises(UsageError, match="expected WIDTHxHEIGHT"):
        parse_device("v4l2:///dev/video0?size=big", CameraOptions())
    assert fourcc_text(fourcc_number("JPEG")) == "MJPG"  # V4L2's other name for the same bytes


def test_a_jpeg_is_whole_or_refused() -> None:
    data = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()

    assert [decode_jpeg(data, reduce).shape for reduce in (1, 2, 4, 8)] == [  # type: ignore[union-attr]
        (48, 64, 3), (24, 32, 3), (12, 16, 3), (6, 8, 3),
    ]  # fmt: skip
    assert decode_jpeg(data + bytes(1000)) is not None  # a V4L2 buffer, filled up
    assert decode_jpeg(data + b"of the picture before") is not None
    assert [decode_jpeg(data[:end]) for end in (0, 1, 2, 100, len(data) - 1)] == [None] * 5
    assert decode_jpeg(b"hello") is None


def test_the_end_of_a_jpeg_is_not_that_of_the_thumbnail_in_it() -> None:
    thumbnail = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    plain = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8))[1].tobytes()
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = plain[:2] + segment + plain[2:]

    assert jpeg_length(data + plain) == len(data)
    assert {jpeg_length(data[:end]) for end in range(len(data))} == {None}
    with pytest.raises(ValueError, match="not a JPEG"):
        jpeg_length(b"\xff\xd8hello")


def test_sizes_that_suffice() -> None:
    assert [reduction_for((1280, 720), needed) for needed in (None, (224, 224), (90, 90), (161, 90), (1281, 1))] == [
        1,
        2,
        8,
        4,
        1,
    ]
    assert scaled_to((1280, 720), (224, 224)) == (400, 224)  # 224 / 720 of 1280 is 398.2, rounded up to even
    assert scaled_to((640, 480), None) == scaled_to((640, 480), (2000, 10)) == (640, 480)
