"""Pictures on the page come from files at once and from videos in one pass."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision.discovery.frames import open_frames
from edgevision.discovery.naming.thumbnails import LONGEST_SIDE, Thumbnail, Thumbnails
from edgevision_runtime.errors import DataError
from edgevision_runtime.types import Image
from tests.edgevision.discovery.clips import write_video


def shown(thumbnail: Thumbnail) -> Image:
    image = cv2.imdecode(np.frombuffer(thumbnail.data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_frames_of_a_video_are_shown_in_whatever_order_they_are_asked_for(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", [(200, 30, 30), (30, 30, 200)], frames_each=10)
    frames = open_frames(str(tmp_path))
    thumbnails = Thumbnails(frames)
    thumbnails.prepare([15, 2])

    late, early, other = (thumbnails.get(position) for position in (15, 2, 7))

    for position, thumbnail in ((15, late), (2, early), (7, other)):
        assert np.array_equal(shown(thumbnail), frames.read(frames.items[position]))


def test_a_large_picture_is_made_smaller_and_a_jpeg(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "large.png"), np.full((900, 1800, 3), 80, np.uint8))

    thumbnail = Thumbnails(open_frames(str(tmp_path))).get(0)

    assert thumbnail.content_type == "image/jpeg"
    assert shown(thumbnail).shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3)


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", [(200, 30, 30)], frames_each=3)
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((8, 8, 3), np.uint8))
    frames = open_frames(str(tmp_path))
    (tmp_path / "clip.avi").unlink()
    (tmp_path / "picture.png").unlink()

    for position in (0, 3):
        with pytest.raises(DataError, match=r"clip\.avi#0|picture\.png"):
            Thumbnails(frames).get(position)
