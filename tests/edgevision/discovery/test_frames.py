"""What is looked at: every picture once, by a name of its own, labels never read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision.discovery.frames import open_frames
from edgevision_runtime.errors import DataError


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((16, 24, 3), value, np.uint8))


def video(path: Path, count: int, fps: float = 10.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (32, 32))
    for index in range(count):
        writer.write(np.full((32, 32, 3), 10 * index, np.uint8))
    writer.release()


def test_pictures_of_any_layout_are_found_and_masks_are_not(tmp_path: Path) -> None:
    for name in ("cat/2.png", "cat/1.jpg", "deep/er/3.png", "masks/1.png", ".thumbnails/4.png"):
        picture(tmp_path / name, 100)
    (tmp_path / "notes.txt").write_text("nothing to see")

    frames = open_frames(str(tmp_path))

    assert [item.name for item in frames.items] == ["cat/1.jpg", "cat/2.png", "deep/er/3.png"]


def test_frames_of_a_video_have_names_and_times_of_their_own(tmp_path: Path) -> None:
    video(tmp_path / "clips" / "a.avi", 20)

    frames = open_frames(str(tmp_path), every_s=0.5)
    seen = {item.name: round(float(image.mean()), -1) for item, image in frames.images()}

    assert [(item.name, item.time_s) for item in frames.items] == [
        ("clips/a.avi#0", 0.0), ("clips/a.avi#5", 0.5), ("clips/a.avi#10", 1.0), ("clips/a.avi#15", 1.5),
    ]  # fmt: skip
    assert seen == {"clips/a.avi#0": 0, "clips/a.avi#5": 50, "clips/a.avi#10": 100, "clips/a.avi#15": 150}


def test_a_single_frame_can_be_read_by_itself(tmp_path: Path) -> None:
    video(tmp_path / "a.avi", 20)
    frames = open_frames(str(tmp_path / "a.avi"))

    image = frames.read(frames.items[12])

    assert image.mean() == pytest.approx(120, abs=3)  # Motion JPEG loses a little


def test_what_cannot_be_decoded_is_left_out_and_said(tmp_path: Path) -> None:
    picture(tmp_path / "1.png", 10)
    (tmp_path / "2.png").write_bytes(b"no picture")

    frames = open_frames(str(tmp_path))
    names = [item.name for item, _ in frames.images()]

    assert names == ["1.png"]
    assert len(frames.unreadable) == 1
    assert "2.png" in frames.unreadable[0]


def test_a_glob_names_pictures_from_their_common_folder(tmp_path: Path) -> None:
    for name in ("a/x/1.png", "a/y/1.png", "b/1.txt"):
        picture(tmp_path / "set" / name, 10) if name.endswith("png") else None

    frames = open_frames(str(tmp_path / "set" / "a" / "*" / "*.png"))

    assert [item.name for item in frames.items] == ["x/1.png", "y/1.png"]


@pytest.mark.parametrize(("source", "message"), [("nowhere", "no folder"), ("{empty}", "holds no pictures")])
def test_a_source_with_nothing_to_see_is_refused(source: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        open_frames(source.format(empty=tmp_path))
