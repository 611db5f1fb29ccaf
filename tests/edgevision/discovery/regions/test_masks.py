"""Names of regions become pictures with masks that `train --task segment` reads; every region says on whose word."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgevision.data.dataset import open_dataset
from edgevision.data.images import IGNORE, read_mask_values
from edgevision.discovery.naming.dataset import ApplyPlan
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.thumbnails import Thumbnails
from edgevision.discovery.regions.masks import apply_masks
from edgevision_runtime.errors import DataError, UsageError
from tests.edgevision.discovery.clips import write_video
from tests.edgevision.discovery.regions.conftest import PICTURES, edgevision_does
from tests.edgevision.discovery.regions.scenes import CLASSES


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def masks_of(data: Path, truth: Path) -> tuple[np.ndarray, np.ndarray]:
    """(masks that were made, true masks) of all pictures, one behind the other."""
    made = sorted((data / "masks").iterdir())
    true = [read_mask_values(truth / "masks" / path.name) for path in made]
    return np.stack([read_mask_values(path) for path in made]), np.stack(true)


def test_masks_are_right_where_the_regions_are(named: NamedClusters, scenes: Path, tmp_path: Path) -> None:
    apply_masks(named, ApplyPlan(tmp_path / "set", abstain=0))

    dataset = open_dataset(tmp_path / "set", "segment")
    made, true = masks_of(tmp_path / "set", scenes)
    assert dataset.labels == CLASSES  # the background first
    assert len(dataset.samples) == PICTURES
    assert not dataset.skipped
    assert (made != IGNORE).all()
    assert (made == true).mean() > 0.95  # 0.98 here: superpixels of 120 pixels have borders of their own


def test_what_is_left_open_is_ignored_and_not_a_class(named: NamedClusters, scenes: Path, tmp_path: Path) -> None:
    apply_masks(named, ApplyPlan(tmp_path / "all", abstain=0))
    apply_masks(named, ApplyPlan(tmp_path / "sure", abstain=0.3))

    everything, _ = masks_of(tmp_path / "all", scenes)
    sure, true = masks_of(tmp_path / "sure", scenes)
    kept = sure != IGNORE
    assert 0.6 < kept.mean() < 0.85
    assert (sure[kept] == everything[kept]).all()
    assert (sure == true)[kept].mean() >= (everything == true).mean()


def test_rejected_and_unnamed_clusters_are_ignored_too(named: NamedClusters, scenes: Path, tmp_path: Path) -> None:
    road = [number for number, name in named.state.names.items() if name == "background"]
    named.store.reject(road[0])
    named.store.name(road[1:], "")

    applied = apply_masks(named, ApplyPlan(tmp_path / "set", abstain=0))

    made, true = masks_of(tmp_path / "set", scenes)
    assert (tmp_path / "set" / "classes.txt").read_text() == "ball\nmeadow\n"
    assert (made[true == 0] == IGNORE).mean() > 0.95
    assert applied.metrics()["by"]["left out"] == len(named.state.members[road[0]])


def test_every_picture_and_every_region_say_on_whose_word(named: NamedClusters, tmp_path: Path) -> None:
    apply_masks(named, ApplyPlan(tmp_path / "set", abstain=0.2))

    pictures, regions = rows_of(tmp_path / "set" / "provenance.csv"), rows_of(tmp_path / "set" / "regions.csv")
    judged = {one for screen in named.screens.of(named.state).values() for one in screen.judged}
    assert [row["source"] for row in pictures] == [f"images/{number:03d}.png" for number in range(PICTURES)]
    assert all(row["image"] == row["source"] and 0.5 <= float(row["weight"]) <= 1 for row in pictures)
    assert [f"{row['source']}@{row['region']}" for row in regions] == list(named.folder.embeddings.names)
    assert sum(row["by"] == "person" for row in regions) == len(judged)
    assert sum(row["by"] == "abstained" for row in regions) == round(0.2 * (len(regions) - len(judged)))
    assert sum(int(row["pixels"]) for row in regions) == PICTURES * 60 * 80


def test_train_weighs_pictures_by_their_provenance(named: NamedClusters, tmp_path: Path) -> None:
    apply_masks(named, ApplyPlan(tmp_path / "set", abstain=0.2))

    dataset = open_dataset(tmp_path / "set")

    weights = {row["image"]: float(row["weight"]) for row in rows_of(tmp_path / "set" / "provenance.csv")}
    assert {dataset.relative(sample): sample.weight for sample in dataset.samples} == weights


def test_a_region_that_was_left_out_by_hand_is_ignored(named: NamedClusters, scenes: Path, tmp_path: Path) -> None:
    medoid = named.folder.statistics.clusters[0].medoid
    named.store.leave_out(medoid)

    apply_masks(named, ApplyPlan(tmp_path / "set", abstain=0))

    made, _ = masks_of(tmp_path / "set", scenes)
    row = rows_of(tmp_path / "set" / "regions.csv")[medoid]
    assert row["by"] == "left out"
    assert (made == IGNORE).sum() == int(row["pixels"])


def test_a_name_that_no_region_bears_any_more_is_told(named: NamedClusters, tmp_path: Path) -> None:
    smallest = named.state.by_size[-1]
    named.store.name([smallest], "puddle")
    for one in named.state.members[smallest].tolist():
        named.store.leave_out(one)

    with pytest.raises(UsageError, match="no region is called 'puddle' any more"):
        apply_masks(named, ApplyPlan(tmp_path / "set"))
    assert not (tmp_path / "set").exists()


def test_frames_of_videos_get_masks_too(tmp_path: Path) -> None:
    write_video(tmp_path / "site" / "a.avi", [(200, 30, 30), (30, 30, 200)], frames_each=4)
    done = edgevision_does("cluster", "--segment", tmp_path / "site", "--model", "hog", "--superpixels", 9, "-k", 2,
                           "-o", tmp_path / "clusters")  # fmt: skip
    assert done.exit_code == 0, done.output
    (tmp_path / "clusters" / "names.csv").write_text("cluster,size,name\n0,1,one\n1,1,two\n")

    done = edgevision_does("apply", tmp_path / "clusters", "-o", tmp_path / "set", "--abstain", 0)

    assert done.exit_code == 0, done.output
    assert len(open_dataset(tmp_path / "set", "segment").samples) == 8
    assert {path.stem for path in (tmp_path / "set" / "masks").iterdir()} == {f"a.avi__{n:06d}" for n in range(8)}
    frames = NamedClusters.open(tmp_path / "clusters").frames()
    thumbnails = Thumbnails(frames)
    assert all(thumbnails.get(place).data for place in (len(frames.items) - 1, 0, 1))  # not in the order of the video


def test_pictures_that_are_gone_and_maps_that_are_gone_are_told(clusters: Path, scenes: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(clusters, tmp_path / "moved"))
    (moved / "regions.zip").unlink()

    with pytest.raises(DataError, match=r"regions\.zip cannot be read"):
        NamedClusters.open(moved).regions()
