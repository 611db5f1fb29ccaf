"""Planted faults are found, nothing else is put out, and nothing that was looked at is touched."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edgevision.cli import edgevision
from edgevision.discovery.curation.curate import CurateHooks, CuratePlan, curate
from edgevision_runtime.errors import UsageError
from tests.edgevision.discovery.curation.scenes import cropped, noisy, scene, write

PLANTED = {  # file → (reason, what it resembles)
    "x/blurred.png": ("blurred", ""),
    "x/dark.png": ("dark", ""),
    "x/cropped.png": ("duplicate", "s/07.png"),
    "x/cut.png": ("unreadable", ""),
    "x/small.png": ("small", ""),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "frames"
    for number in range(40):
        write(root / "s" / f"{number:02}.png", scene(number))
    write(root / "x" / "blurred.png", cv2.GaussianBlur(scene(100), (0, 0), 3))
    write(root / "x" / "dark.png", (scene(101) * 0.15).astype(np.uint8))
    write(root / "x" / "cropped.png", cropped(scene(7)))
    write(root / "x" / "small.png", scene(102, side=20))
    data = (root / "s" / "00.png").read_bytes()
    (root / "x" / "cut.png").write_bytes(data[: len(data) // 2])
    return root


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(edgevision, ["curate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_every_planted_fault_is_put_out_for_its_reason_and_nothing_else_is(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    said = invoke(folder, "-o", tmp_path / "curated")

    rows = rows_of(tmp_path / "curated" / "kept.csv")
    out = {name: (row["reason"], row["similar_to"]) for name, row in rows.items() if row["kept"] == "no"}
    assert out == PLANTED
    assert list(rows) == sorted(rows)
    assert "40 of 45 pictures kept" in said
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_every_finding_states_its_number_and_its_limit(folder: Path, tmp_path: Path) -> None:
    invoke(folder, "-o", tmp_path / "curated", "-q", "--format", "json")

    document = json.loads((tmp_path / "curated" / "findings.json").read_text())
    measured = [finding for finding in document["findings"] if finding["reason"] != "unreadable"]
    assert {finding["reason"] for finding in measured} >= {"blurred", "dark", "duplicate", "small"}
    assert all(isinstance(finding["value"], float) and isinstance(finding["limit"], float) for finding in measured)


def test_the_page_shows_what_is_out_beside_what_it_resembles(folder: Path, tmp_path: Path) -> None:
    invoke(folder, "-o", tmp_path / "curated")

    page = (tmp_path / "curated" / "report.html").read_text()
    assert "Near-duplicate: 1" in page
    assert "like s/07.png" in page
    assert "data:image/jpeg;base64," in page


def test_without_a_backbone_the_hash_finds_copies_of_a_still_view(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / "in" / f"{number:02}.png", noisy(scene(number % 4), number))

    curation = curate(CuratePlan(str(tmp_path / "in"), model="none"))

    assert curation.kept == ("00.png", "01.png", "02.png", "03.png")
    assert curation.backbone == ""


def test_of_two_that_are_alike_the_larger_stays(tmp_path: Path) -> None:
    write(tmp_path / "in" / "1.png", scene(1))
    write(tmp_path / "in" / "2.png", cv2.resize(scene(1), (192, 192)))

    curation = curate(CuratePlan(str(tmp_path / "in"), model="none"))

    assert curation.kept == ("2.png",)


def test_keep_leaves_as_many_as_asked_and_drop_decides_what_counts(folder: Path) -> None:
    ten = curate(CuratePlan(str(folder), keep=10))
    all_readable = curate(CuratePlan(str(folder), dropped=()))

    assert len(ten.kept) == 10
    assert not set(ten.kept) & set(PLANTED)
    assert len(all_readable.kept) == 44
    assert {one.reason for one in all_readable.findings} >= {"blurred", "dark", "duplicate"}


def test_the_same_pictures_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        invoke(folder, "-o", tmp_path / name, "--keep", 12)

    for file in ("kept.csv", "findings.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_frames_of_a_video_are_named_and_judged_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    writer = cv2.VideoWriter(str(tmp_path / "in" / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 96))
    for number in range(30):
        writer.write(noisy(scene(number // 10), number))
    writer.release()

    curation = curate(CuratePlan(str(tmp_path / "in")))

    assert curation.kept == ("a.avi#0", "a.avi#10", "a.avi#20")


def test_a_broken_video_is_a_finding_and_the_rest_is_judged(tmp_path: Path) -> None:
    write(tmp_path / "in" / "1.png", scene(1))
    (tmp_path / "in" / "2.mp4").write_bytes(b"the power was cut")

    curation = curate(CuratePlan(str(tmp_path / "in")))

    assert [(one.name, one.reason) for one in curation.findings] == [("2.mp4#0", "unreadable")]
    assert curation.kept == ("1.png",)


def test_a_wrong_label_is_pointed_out_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("cleanlab")
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number in range(300):
        label = digits.target[number] if number != 42 else 9 - digits.target[number]
        image = np.repeat((digits.images[number] * 15).astype(np.uint8)[..., None], 3, axis=2)
        write(tmp_path / "in" / str(label) / f"{number:03}.png", image)

    curation = curate(CuratePlan(str(tmp_path / "in"), is_labelled=True))

    wrong = f"{9 - digits.target[42]}/042.png"
    suspects = [one for one in curation.findings if one.reason == "suspect"]
    assert wrong in [one.name for one in suspects]
    assert len(suspects) <= 9  # 3 %
    assert wrong in curation.kept


def test_a_wrong_model_and_labels_that_cannot_be_judged_are_told_before_pictures_are_looked_at(tmp_path: Path) -> None:
    pytest.importorskip("cleanlab")
    for number in range(6):
        write(tmp_path / "few" / ("one" if number < 5 else "other") / f"{number}.png", scene(number))
    looked: list[int] = []
    hooks = CurateHooks(on_progress=lambda done, total: looked.append(done))

    with pytest.raises(UsageError, match="two classes with at least 5 pictures each"):
        curate(CuratePlan(str(tmp_path / "few"), is_labelled=True), hooks)
    with pytest.raises(UsageError, match="did you mean hog"):
        curate(CuratePlan(str(tmp_path / "few"), model="hogg", is_labelled=True), hooks)

    assert looked == []


@pytest.mark.parametrize(
    "arguments", [{"dropped": ("blured",)}, {"model": "none", "keep": 3}, {"model": "none", "is_labelled": True}]
)
def test_what_cannot_be_is_refused_before_anything_is_read(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        CuratePlan("nowhere", **arguments)  # type: ignore[arg-type]
