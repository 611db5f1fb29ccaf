"""`edgevision cluster`: clusters follow from pictures and seed alone, and say what they are."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.clustering.folder import ClusterFolder
from edgevision_runtime.errors import DataError, ModelError, UsageError
from tests.edgevision.discovery.clips import BRICK, MEADOW, NIGHT, write_video
from tests.edgevision.discovery.conftest import DIGITS


def cluster(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, ["cluster", *map(str, arguments)])


def test_digits_fall_into_clusters_with_a_page(digits_folder: Path, digits_run: Path, tmp_path: Path) -> None:
    done = cluster(digits_folder, "--model", digits_run, "-k", 12, "-o", tmp_path / "clusters")

    assert done.exit_code == 0, done.output
    folder = ClusterFolder.open(tmp_path / "clusters")
    assert folder.grouping.count == 12
    assert folder.model == str(digits_run)
    page = (tmp_path / "clusters" / "report.html").read_text()
    assert page.count("Cluster ") >= 12
    assert "true label" not in page
    assert "edgevision label" in done.stderr


def test_truth_judges_and_changes_nothing(digits_folder: Path, tmp_path: Path) -> None:
    flags = ["--model", "pixels", "-k", 10, "--seed", 1]
    cluster(digits_folder, *flags, "-o", tmp_path / "blind")

    done = cluster(digits_folder, *flags, "-o", tmp_path / "judged", "--truth", "--report", tmp_path / "report.json")

    for name in ("assignments.csv", "names.csv", "embeddings.npz", "centroids.npz"):
        assert (tmp_path / "blind" / name).read_bytes() == (tmp_path / "judged" / name).read_bytes(), name
    truth = json.loads((tmp_path / "report.json").read_text())["metrics"]["truth"]
    assert truth["pictures"] == DIGITS
    assert 0.5 < truth["accuracy"] <= truth["named_accuracy"] <= 1  # 0.72 here: raw pixels of 8 × 8 digits
    assert len(truth["confusion"]) == 10
    assert f"accuracy {truth['accuracy']:.1%}" in done.stdout
    assert "Against true labels" in (tmp_path / "judged" / "report.html").read_text()


def test_the_same_pictures_give_the_same_clusters_through_a_file_of_embeddings(
    digits_folder: Path, tmp_path: Path
) -> None:
    embedded = CliRunner().invoke(
        edgevision, ["embed", str(digits_folder), "--model", "pixels", "-o", str(tmp_path / "emb.npz")]
    )
    assert embedded.exit_code == 0

    cluster(digits_folder, "--model", "pixels", "-k", 15, "-o", tmp_path / "direct")
    cluster(tmp_path / "emb.npz", "-k", 15, "-o", tmp_path / "by_file")

    for name in ("assignments.csv", "centroids.npz"):
        assert (tmp_path / "direct" / name).read_bytes() == (tmp_path / "by_file" / name).read_bytes()
    assert "data:image/jpeg" in (tmp_path / "by_file" / "report.html").read_text()  # the pictures were found


def test_embeddings_whose_pictures_are_gone_still_cluster(digits_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for path in (digits_folder / "1").iterdir():
        (tmp_path / "pictures" / path.name).write_bytes(path.read_bytes())
    runner = CliRunner()
    runner.invoke(edgevision, ["embed", str(tmp_path / "pictures"), "-o", str(tmp_path / "emb.npz")])
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")

    done = cluster(tmp_path / "emb.npz", "-k", 3, "-o", tmp_path / "clusters")

    assert done.exit_code == 0, done.output
    assert "not at hand" in (tmp_path / "clusters" / "report.html").read_text()
    assert "not at hand" in done.stderr


def test_more_clusters_than_pictures_are_clamped_and_said(digits_folder: Path, tmp_path: Path) -> None:
    done = cluster(digits_folder / "1", "--model", "pixels", "-k", 500, "-o", tmp_path / "clusters")

    count = len(list((digits_folder / "1").iterdir()))
    assert f"{count} clusters instead of 500" in done.stderr
    assert ClusterFolder.open(tmp_path / "clusters").grouping.count <= count


def test_videos_get_scenes_a_timeline_and_key_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "clips" / "a.avi", [MEADOW, BRICK, MEADOW], frames_each=16)
    write_video(tmp_path / "clips" / "b.avi", [NIGHT, BRICK], frames_each=16)
    flags = ["--model", "pixels", "-k", 3, "--keyframes", tmp_path / "keys", "--format", "json"]

    done = cluster(tmp_path / "clips", *flags, "-o", tmp_path / "clusters")

    metrics = json.loads(done.stdout)
    with (tmp_path / "clusters" / "scenes.csv").open(newline="") as file:
        scenes = list(csv.DictReader(file))
    assert (metrics["scenes"], metrics["distinct_scenes"]) == (5, 3)
    assert [row["video"] for row in scenes] == ["a.avi"] * 3 + ["b.avi"] * 2
    assert [row["same_as"] for row in scenes] == ["", "", "0", "", "1"]
    assert [path.name for path in sorted((tmp_path / "keys").iterdir())] == [
        "scene-0000.png", "scene-0001.png", "scene-0003.png",
    ]  # fmt: skip
    assert "Scenes, coloured" in (tmp_path / "clusters" / "report.html").read_text()


def test_scan_trains_on_for_k_clusters_and_leaves_the_run_as_it_is(
    digits_folder: Path, digits_run: Path, tmp_path: Path
) -> None:
    before = (digits_run / "model.keras").read_bytes()
    flags = ["--model", digits_run, "-k", 10, "--scan", "--scan-epochs", 2]

    done = [cluster(digits_folder, *flags, "-o", tmp_path / name) for name in ("one", "two")]

    assert [one.exit_code for one in done] == [0, 0], done[0].output
    first, second = ClusterFolder.open(tmp_path / "one"), ClusterFolder.open(tmp_path / "two")
    assert first.record["method"] == "SCAN"
    assert len(first.record["scan"]["losses"]) == 3
    assert (first.grouping.assignment == second.grouping.assignment).all()  # same seed, same bits
    assert (digits_run / "model.keras").read_bytes() == before
    refined = open_backbone(first.model)
    assert refined.fingerprint == first.embeddings.space.backbone_fingerprint
    assert "SCAN trained the network on" in (tmp_path / "one" / "report.html").read_text()


def test_labels_that_cannot_be_read_do_not_lose_the_clusters(digits_folder: Path, tmp_path: Path) -> None:
    done = cluster(digits_folder / "1", "--model", "pixels", "-k", 3, "-o", tmp_path / "clusters", "--truth")

    assert isinstance(done.exception, DataError)
    assert "no folders to take labels from" in str(done.exception)
    assert ClusterFolder.open(tmp_path / "clusters").grouping.count == 3


def test_pictures_have_no_key_frames(digits_folder: Path, tmp_path: Path) -> None:
    flags = ["--model", "pixels", "-k", 3, "--keyframes", tmp_path / "keys"]

    done = cluster(digits_folder / "1", *flags, "-o", tmp_path / "clusters")

    assert "holds no videos" in done.stderr
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        (["--scan"], UsageError, "--scan with the model hog; expected --model RUN"),
        (["--scan-epochs", "3"], UsageError, "--scan-epochs without --scan"),
        (["--scan", "-k", "1", "--model", "x"], UsageError, "at least 2 clusters"),
        (["--model", "pixel"], UsageError, "did you mean pixels"),
        (["--keyframes", "tests", "--force"], UsageError, "holds other files than key frames"),
    ],
)
def test_bad_flags_are_refused_in_one_line_and_write_nothing(
    flags: list[str], error: type[UsageError] | type[ModelError], message: str, digits_folder: Path, tmp_path: Path
) -> None:
    done = cluster(digits_folder / "1", "-o", tmp_path / "clusters", *flags)

    assert isinstance(done.exception, error), done.output
    assert message in str(done.exception)
    assert not (tmp_path / "clusters").exists()


@pytest.mark.parametrize("keyframes", ["clusters", "clusters/../clusters", "."])
def test_key_frames_never_take_the_place_of_the_clusters(
    keyframes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "a.avi", [MEADOW, BRICK], frames_each=5)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")

    done = cluster(tmp_path / "a.avi", "--model", "pixels", "-o", "clusters", "--keyframes", keyframes, "--force")

    assert "would replace clusters" in str(done.exception)
    assert "pictures through" not in done.stderr


def test_more_clusters_of_scan_than_pictures_are_told_before_those_are_read(
    digits_folder: Path, digits_run: Path, tmp_path: Path
) -> None:
    done = cluster(digits_folder / "1", "--model", digits_run, "--scan", "-k", 50, "-o", tmp_path / "clusters")

    assert "pictures for 50 clusters of SCAN" in str(done.exception)
    assert "reading" not in done.stderr


def test_what_is_embedded_already_takes_no_model(digits_folder: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(edgevision, ["embed", str(digits_folder / "1"), "--model", "pixels", "-o", str(tmp_path / "emb.npz")])

    done = cluster(tmp_path / "emb.npz", "--model", "hog", "-o", tmp_path / "clusters")

    assert "--model with" in str(done.exception)
