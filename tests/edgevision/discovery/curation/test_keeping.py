"""What is kept can be copied or linked; a folder that is there is never replaced."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edgevision.cli import edgevision
from edgevision.data.dataset import open_dataset
from edgevision_runtime.errors import UsageError
from tests.edgevision.discovery.curation.scenes import noisy, scene, write


def invoke(*arguments: object) -> None:
    CliRunner().invoke(edgevision, ["curate", *map(str, arguments)], catch_exceptions=False, standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        write(tmp_path / "in" / "cat" / f"{number}.png", noisy(scene(number % 3), number))
    return tmp_path / "in"


def test_what_is_kept_is_copied_under_its_name(folder: Path, tmp_path: Path) -> None:
    invoke(folder, "-o", tmp_path / "out", "--copy", tmp_path / "kept")

    files = sorted(path.relative_to(tmp_path / "kept").as_posix() for path in (tmp_path / "kept").rglob("*.png"))
    assert files == ["cat/0.png", "cat/1.png", "cat/2.png"]
    assert (tmp_path / "kept" / "cat" / "0.png").read_bytes() == (folder / "cat" / "0.png").read_bytes()
    assert len(list(folder.rglob("*.png"))) == 6


def test_links_lead_to_the_pictures(folder: Path, tmp_path: Path) -> None:
    invoke(folder, "-o", tmp_path / "out", "--copy", tmp_path / "kept", "--link")

    link = tmp_path / "kept" / "cat" / "1.png"
    assert link.is_symlink()
    assert link.resolve() == (folder / "cat" / "1.png").resolve()


def test_masks_and_the_names_of_classes_go_along(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "in" / "images" / f"{number}.png", noisy(scene(number % 2), number))
        write(tmp_path / "in" / "masks" / f"{number}.png", np.full((96, 96), number % 2, np.uint8))
    (tmp_path / "in" / "classes.txt").write_text("nothing\nthing\n")

    invoke(tmp_path / "in", "-o", tmp_path / "out", "--copy", tmp_path / "kept")

    dataset = open_dataset(tmp_path / "kept", "segment")
    assert [dataset.relative(sample) for sample in dataset.samples] == ["images/0.png", "images/1.png"]


def test_frames_of_a_video_become_pictures_and_are_not_linked(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    writer = cv2.VideoWriter(str(tmp_path / "in" / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 96))
    for number in range(4):
        writer.write(scene(number // 2))
    writer.release()

    invoke(tmp_path / "in", "-o", tmp_path / "out", "--copy", tmp_path / "kept")
    with pytest.raises(UsageError, match="cannot be linked"):
        invoke(tmp_path / "in", "-o", tmp_path / "out2", "--copy", tmp_path / "links", "--link")

    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["a.avi#0.png", "a.avi#2.png"]
    assert not (tmp_path / "links").exists()
    assert not (tmp_path / "out2").exists()  # told before anything was looked at


def test_no_folder_of_the_user_is_ever_replaced(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "kept" / "mine.png", scene(1))

    with pytest.raises(UsageError, match="exists already"):
        invoke(folder, "-o", tmp_path / "out", "--copy", tmp_path / "kept", "--force")
    with pytest.raises(UsageError, match="not of a curation"):
        invoke(folder, "-o", folder, "--force")
    with pytest.raises(UsageError, match="lies in"):
        invoke(folder, "-o", tmp_path / "out", "--copy", folder / "kept")
    with pytest.raises(UsageError, match="would replace"):
        invoke(folder, "-o", tmp_path / "out", "--copy", tmp_path / "out")

    assert (tmp_path / "kept" / "mine.png").exists()
    assert len(list(folder.rglob("*.png"))) == 6
    assert not (tmp_path / "out").exists()


def test_an_older_curation_is_replaced_only_with_force(folder: Path, tmp_path: Path) -> None:
    invoke(folder, "-o", tmp_path / "out")

    with pytest.raises(UsageError, match="exists already"):
        invoke(folder, "-o", tmp_path / "out")
    invoke(folder, "-o", tmp_path / "out", "--force")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["findings.json", "kept.csv", "report.html"]
