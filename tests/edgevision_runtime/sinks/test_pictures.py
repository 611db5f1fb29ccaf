"""Videos and windows."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import cv2
import pytest

from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.sinks import SinkSetup, display, open_sink, open_sinks
from edgevision_runtime.sinks.slugs import Slugs
from tests.edgevision_runtime.sinks.messages import eventually, result

TWO = SinkSetup(cameras=("gate", "rtsp://***@10.0.0.7/stream"), fps=10)


def frames_in(file: Path) -> int:
    return int(cv2.VideoCapture(str(file)).get(cv2.CAP_PROP_FRAME_COUNT))


def test_several_cameras_get_a_video_each(tmp_path: Path) -> None:
    with open_sinks([f"video:{tmp_path / '{camera}.mp4'}"], TWO) as (sink,):
        for index in range(3):
            sink.write(result(index, camera="gate"))
        sink.write(result(0, camera="rtsp://***@10.0.0.7/stream"))

    assert sorted(file.name for file in tmp_path.iterdir()) == ["gate.mp4", "rtsp-10-0-0-7-stream.mp4"]
    assert frames_in(tmp_path / "gate.mp4") == 3


def test_several_cameras_in_one_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"for 2 cameras; expected a name such as .*out-\{camera\}.mp4"):
        open_sink(f"video:{tmp_path / 'out.mp4'}", TWO)


def test_a_camera_s_video_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "gate.mp4").write_text("precious")

    with pytest.raises(UsageError, match="exists already"):
        open_sink(f"video:{tmp_path / '{camera}.mp4'}", TWO)


def test_what_a_killed_run_of_the_same_number_left_of_a_video_stays(tmp_path: Path) -> None:
    left = [tmp_path / f".out.{os.getpid()}{again}.part.mp4" for again in ("", "-2")]
    for file in left:
        file.write_bytes(b"half a video")

    with open_sinks([f"video:{tmp_path / 'out.mp4'}"], SinkSetup(cameras=("gate",), fps=10)) as (sink,):
        sink.write(result(0, camera="gate"))

    assert sorted(tmp_path.iterdir()) == sorted([*left, tmp_path / "out.mp4"])
    assert {file.read_bytes() for file in left} == {b"half a video"}
    assert frames_in(tmp_path / "out.mp4") == 1


def test_names_become_slugs_that_stay_apart() -> None:
    names = ["Haupttür", "a/b", "a b", "A-B", "門"]
    slugs = Slugs(names)

    assert [slugs.of(name) for name in names] == ["Haupttur", "a-b", "a-b-2", "A-B-3", "x"]


class Screen:
    """Stands for the window functions of an OpenCV that has them."""

    WINDOW_NORMAL = WND_PROP_VISIBLE = 0

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.key = -1
        self.is_visible = True
        self.threads: set[int] = set()

    def namedWindow(self, name: str, flags: int) -> None:  # noqa: N802 - OpenCV's name
        self.threads.add(threading.get_ident())

    def imshow(self, name: str, picture: Any) -> None:
        self.threads.add(threading.get_ident())
        self.shown.append(name)

    def waitKey(self, wait_ms: int) -> int:  # noqa: N802
        self.threads.add(threading.get_ident())
        return self.key

    def getWindowProperty(self, name: str, which: int) -> float:  # noqa: N802
        return float(self.is_visible)

    def destroyAllWindows(self) -> None:  # noqa: N802
        self.threads.add(threading.get_ident())


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(display, "opencv", lambda: screen)
    monkeypatch.setattr(display, "_try_a_window", lambda: None)
    return screen


def test_one_thread_does_everything_with_the_windows(screen: Screen) -> None:
    with open_sinks(["display"], TWO) as (sink,):
        for camera in TWO.cameras:
            sink.write(result(camera=camera))

    assert sorted(screen.shown) == ["edgevision gate", "edgevision rtsp://***@10.0.0.7/stream"]
    assert len(screen.threads) == 1
    assert threading.get_ident() not in screen.threads


@pytest.mark.parametrize(("key", "is_visible"), [(27, True), (ord("q"), True), (-1, False)])
def test_esc_q_and_closing_the_window_end_a_run_even_while_no_frame_comes(
    screen: Screen, key: int, is_visible: bool
) -> None:
    setup = SinkSetup(is_live=True, cameras=("gate",))

    with open_sinks(["display"], setup) as (sink,):
        sink.write(result())
        assert eventually(lambda: screen.shown)
        screen.key, screen.is_visible = key, is_visible
        assert eventually(setup.stop.is_set)
        with pytest.raises(BrokenPipeError):
            sink.write(result())


def test_the_headless_opencv_says_how_to_get_a_window() -> None:
    gui = cv2.getBuildInformation().split("GUI:")[1].split("\n")[0]
    if "NONE" not in gui:
        pytest.skip("this OpenCV has windows")

    with pytest.raises(MissingDependency, match="opencv-python"):
        open_sink("display", SinkSetup())
