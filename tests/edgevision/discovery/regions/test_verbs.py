"""`cluster --segment`, `label`, `apply`, `train`: from pictures to a bundle, and one clear line where it cannot be."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision.data.dataset import open_dataset
from edgevision.discovery.clustering.folder import ClusterFolder
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.runs import RunDirectory
from edgevision_runtime.errors import DataError, EdgeVisionError, UsageError
from tests.edgevision.discovery.regions.conftest import FLAGS, edgevision_does
from tests.edgevision.discovery.regions.scenes import CLASSES, write_scenes


def test_regions_of_the_whole_set_fall_into_clusters_with_a_page(region_clusters: Path, scenes: Path) -> None:
    folder = ClusterFolder.open(region_clusters)

    assert folder.has_regions
    assert folder.grouping.count == 12
    assert len({name.partition("@")[0] for name in folder.embeddings.names}) == 12
    page = (region_clusters / "report.html").read_text()
    assert "coloured by cluster" in page
    assert "true masks" not in page
    for facts in folder.statistics.clusters:  # what is shown of a cluster is of different pictures
        shown = [folder.embeddings.names[one].partition("@")[0] for one in (facts.medoid, *facts.exemplars)]
        assert len(set(shown)) == len(shown)


def test_masks_judge_and_change_nothing(region_clusters: Path, scenes: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    done = edgevision_does("cluster", "--segment", scenes, *FLAGS, "-o", tmp_path / "judged", "--truth",
                           "--report", report)  # fmt: skip

    assert done.exit_code == 0, done.output
    for name in ("assignments.csv", "names.csv", "embeddings.npz", "centroids.npz", "regions.zip"):
        assert (region_clusters / name).read_bytes() == (tmp_path / "judged" / name).read_bytes(), name
    truth = json.loads(report.read_text())["metrics"]["truth"]
    assert truth["labels"] == list(CLASSES)
    assert truth["pictures"] == 12
    assert truth["accuracy"] <= truth["named_accuracy"] <= truth["best_accuracy"] <= 1
    assert truth["named_accuracy"] > 0.95
    assert truth["named_mean_iou"] > 0.8
    assert f"{truth['named_accuracy']:.1%} of the pixels right" in done.stdout


def test_from_pictures_to_a_net_that_knows_the_names(named: NamedClusters, scenes: Path, tmp_path: Path) -> None:
    data, run = tmp_path / "set", tmp_path / "runs" / "net"
    applied = edgevision_does("apply", named.folder.path, "-o", data, "--format", "json")
    assert applied.exit_code == 0, applied.output
    assert "--task segment" in applied.stderr
    assert json.loads(applied.stdout)["masks"]["images"] == 12

    trained = edgevision_does("train", data, "--task", "segment", "-o", run, "--epochs", 1, "--image-size", "32,32")

    assert trained.exit_code == 0, trained.output
    assert RunDirectory.open(run).spec.labels == CLASSES
    assert "not all true" in trained.stderr
    converted = edgevision_does("convert", run, "-o", tmp_path / "net.evb")
    assert converted.exit_code == 0, converted.output


def test_more_clusters_than_regions_are_clamped_and_said(scenes: Path, tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    (one / "a.png").write_bytes((scenes / "images" / "000.png").read_bytes())

    done = edgevision_does(
        "cluster", "--segment", one, "--model", "hog", "--superpixels", 6, "-k", 64, "-o", tmp_path / "c"
    )

    assert done.exit_code == 0, done.output
    assert "regions:" in done.stderr
    assert "clusters instead of 64" in done.stderr


def test_a_picture_that_cannot_be_read_is_left_out_and_said(scenes: Path, tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "site", 3)
    (folder / "images" / "001.png").write_bytes(b"\x89PNG, or so it says")

    done = edgevision_does("cluster", "--segment", folder, "--model", "hog", "--superpixels", 20, "-k", 4,
                           "-o", tmp_path / "clusters")  # fmt: skip

    assert done.exit_code == 0, done.output
    assert "left out: 001.png" in done.stderr
    assert {name.partition("@")[0] for name in ClusterFolder.open(tmp_path / "clusters").embeddings.names} == {
        "images/000.png", "images/002.png",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        (["--segment", "--scan"], UsageError, "--segment with --scan"),
        (["--superpixels", "50"], UsageError, "--superpixels without --segment"),
        (["--segment", "--model", "pixels"], UsageError, "--segment with the model pixels"),
        (["--segment", "--model", "imagnet"], UsageError, "did you mean imagenet"),
        (["--segment", "--truth-csv", __file__], UsageError, "--segment with --truth-csv"),
        (["--segment", "--keyframes", "k"], UsageError, "--segment with --truth-csv or --keyframes"),
    ],
)
def test_bad_flags_are_refused_in_one_line(
    flags: list[str], error: type[EdgeVisionError], message: str, scenes: Path, tmp_path: Path
) -> None:
    done = edgevision_does("cluster", scenes, "-o", tmp_path / "clusters", *flags)

    assert isinstance(done.exception, error), done.output
    assert message in str(done.exception)
    assert not (tmp_path / "clusters").exists()


def test_without_imagenets_weights_texture_is_taken_and_said_unless_they_were_asked_for(
    scenes: Path, region_clusters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # where nobody answers
    monkeypatch.setenv("PIP_RETRIES", "0")
    flags = ["--segment", scenes, *FLAGS[2:]]

    silent = edgevision_does("cluster", *flags, "-o", tmp_path / "clusters")
    asked = edgevision_does("cluster", *flags, "--model", "imagenet", "-o", tmp_path / "asked")

    assert silent.exit_code == 0, silent.output
    assert "ImageNet's weights cannot be had" in silent.stderr
    assert "texture, colour and place alone" in silent.stderr
    for name in ("assignments.csv", "regions.zip"):
        assert (tmp_path / "clusters" / name).read_bytes() == (region_clusters / name).read_bytes()
    assert isinstance(asked.exception, DataError)
    assert not (tmp_path / "asked").exists()


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    done = edgevision_does("cluster", "--segment", tmp_path / "empty", "--model", "hog", "-o", tmp_path / "clusters")

    assert isinstance(done.exception, DataError)
    assert "holds no pictures" in str(done.exception)


def test_truth_without_masks_does_not_lose_the_clusters(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "site", 2)

    done = edgevision_does("cluster", "--segment", folder / "images", "--model", "hog", "--superpixels", 20, "-k", 4,
                           "-o", tmp_path / "clusters", "--truth")  # fmt: skip

    assert isinstance(done.exception, DataError)
    assert "has no labels; expected one to segment" in str(done.exception)
    assert ClusterFolder.open(tmp_path / "clusters").has_regions


def test_names_that_are_missing_and_the_wrong_kind_of_clusters_are_told(clusters: Path, tmp_path: Path) -> None:
    nameless = edgevision_does("apply", clusters, "-o", tmp_path / "set")
    classifier = edgevision_does("apply", clusters, "-o", tmp_path / "set", "--centroid-model", tmp_path / "run")
    again = edgevision_does("cluster", clusters / "embeddings.npz", "-o", tmp_path / "again")

    assert "no cluster has a name yet" in str(nameless.exception)
    assert "which holds clusters of regions" in str(classifier.exception)
    assert "holds regions of pictures, not pictures" in str(again.exception)
    assert not (tmp_path / "set").exists()


def test_splitting_and_names_by_hand_work_on_regions(clusters: Path, tmp_path: Path) -> None:
    named = NamedClusters.open(clusters)
    parts = named.store.split(named.state.by_size[0], 2)
    named.store.name(named.state.members.keys() - set(parts), "thing")
    rows = list(csv.reader((clusters / "names.csv").open(newline="")))
    with (clusters / "names.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[a, b, "stuff" if a == str(parts[0]) else name] for a, b, name in rows])

    done = edgevision_does("apply", clusters, "-o", tmp_path / "set")

    assert done.exit_code == 0, done.output
    assert "1 clusters have no name yet: their regions" in done.stderr
    assert open_dataset(tmp_path / "set").labels == ("stuff", "thing")


def test_pictures_of_different_sizes_keep_theirs(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "site", 3)
    large = cv2.resize(cv2.imread(str(folder / "images" / "000.png")), (480, 360))
    cv2.imwrite(str(folder / "images" / "000.png"), large)
    edgevision_does(
        "cluster", "--segment", folder, "--model", "hog", "--superpixels", 30, "-k", 3, "-o", tmp_path / "c"
    )
    (tmp_path / "c" / "names.csv").write_text("cluster,size,name\n0,1,a\n1,1,b\n2,1,a\n")

    done = edgevision_does("apply", tmp_path / "c", "-o", tmp_path / "set", "--abstain", 0)

    assert done.exit_code == 0, done.output
    shapes = [
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape for path in sorted((tmp_path / "set" / "masks").iterdir())
    ]
    assert shapes == [(360, 480), (60, 80), (60, 80)]
    assert not open_dataset(tmp_path / "set").skipped
    assert np.unique(cv2.imread(str(tmp_path / "set" / "masks" / "000.png"), 0)).max() <= 1
