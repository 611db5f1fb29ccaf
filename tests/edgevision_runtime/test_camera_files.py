"""Videos at their pace, pictures on standard input, and stopping either."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from edgevision_runtime.cameras import kind_of, open_camera
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cameras.stdin import StdinCamera, picture_length
from edgevision_runtime.errors import SourceLost, UsageError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eleven frames at 25 fps."""
    write_clip(tmp_path / "clip.avi", 25.0)
    return tmp_path / "clip.avi"


def write_clip(path: Path, fps: float) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (32, 24))
    for _ in range(11):
        writer.write(np.full((24, 32, 3), 90, np.uint8))
    writer.release()


def piped(data: bytes) -> StdinCamera:
    """A camera on a pipe that these bytes are written into."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(data)

    threading.Thread(target=write, daemon=True).start()
    return StdinCamera("-", CameraOptions(), reading)


def picture(kind: str, level: int) -> bytes:
    return bytes(cv2.imencode(kind, np.full((24, 32, 3), level, np.uint8))[1].tobytes())


def seconds_of(source: Path, **options: float) -> float:
    """From the first to the last of the eleven frames."""
    with open_camera(str(source), options=CameraOptions(**options)) as camera:  # type: ignore[arg-type]
        times = [frame.captured_s for frame in camera]
    assert not camera.is_live
    assert len(times) == 11
    return times[-1] - times[0]


def test_a_video_plays_at_its_own_pace_at_another_or_as_fast_as_it_is_taken(clip: Path) -> None:
    assert seconds_of(clip) > 0.39  # ten periods of 40 ms
    assert seconds_of(clip, fps=12.5) > 0.79
    assert seconds_of(clip, is_fast=True, fps=1.0) < 5.0  # ten seconds at the pace that --fast sets aside


def test_a_paced_video_loses_nothing_to_a_slow_taker(clip: Path) -> None:
    with open_camera(str(clip), fps=200) as camera:
        seen = []
        for frame in camera:
            seen.append(frame.index)
            time.sleep(0.01)

    assert seen == list(range(11))


def test_a_video_that_does_not_say_its_frame_rate_is_asked_for_one(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, 4000.0)  # a time base in the place of a rate, as containers without one have it

    with pytest.raises(UsageError, match=r"does not say its frame rate.*--fps, or --fast"):
        open_camera(str(path))
    assert seconds_of(path, fps=100.0) > 0.09


def test_a_video_and_a_folder_stop_when_told(clip: Path, tmp_path: Path) -> None:
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((4, 4, 3), np.uint8))

    for source in (clip, tmp_path):
        with open_camera(str(source)) as camera:
            seen = []
            for frame in camera:
                seen.append(frame.index)
                if frame.index == 2:
                    camera.stop()
        assert seen == [0, 1, 2]


def test_pictures_on_standard_input_come_in_order_whatever_their_kind() -> None:
    data = picture(".jpg", 40) + picture(".png", 80) + picture(".png", 120) + picture(".jpg", 160)

    with piped(data) as camera:
        levels = [round(float(frame.image.mean())) for frame in camera]

    assert levels == [40, 80, 120, 160]
    assert kind_of("-") == "stdin"


def test_a_picture_that_is_cut_off_is_named_and_not_shown() -> None:
    with piped(picture(".jpg", 40) + picture(".jpg", 80)[:-20]) as camera:
        frames = list(camera)

    assert [frame.index for frame in frames] == [0]
    assert camera.unreadable == ["picture 1 on standard input could not be decoded"]


def test_what_is_no_picture_is_refused_with_its_place() -> None:
    first = picture(".jpg", 40)
    with (
        piped(first + b"these are no pictures") as camera,
        pytest.raises(SourceLost, match=f"byte {len(first)}: neither"),
    ):
        list(camera)
    with piped(b"") as camera, pytest.raises(SourceLost, match="standard input is empty"):
        list(camera)


def test_waiting_for_standard_input_ends_when_told() -> None:
    reading, writing = os.pipe()
    camera = StdinCamera("-", CameraOptions(), reading)
    thread = threading.Thread(target=lambda: list(camera))
    thread.start()
    time.sleep(0.1)

    camera.stop()
    thread.join(timeout=2)

    assert not thread.is_alive()
    os.close(writing)


def test_the_length_of_a_png_is_in_its_chunks() -> None:
    data = picture(".png", 80)

    assert picture_length(data + data) == len(data)
    assert {picture_length(data[:end]) for end in range(len(data))} == {None}


def test_a_camera_opens_while_another_thread_is_importing_opencv(
    colour_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", ModuleType("cv2"))  # as it stands there until its import is done

    with open_camera(str(colour_folder)) as camera:
        assert camera.total is not None
