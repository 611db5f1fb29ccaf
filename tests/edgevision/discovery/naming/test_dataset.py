"""Names become a data set that `train` reads, and every label says on whose word it stands."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgevision.data.dataset import open_dataset
from edgevision.data.images import read_image
from edgevision.discovery.naming.dataset import LEAST_WEIGHT, ApplyPlan, apply_names, weights
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.propagate import CLUSTER, PERSON, Propagation
from edgevision_runtime.errors import UsageError
from tests.edgevision.discovery.clips import write_video
from tests.edgevision.discovery.conftest import DIGITS
from tests.edgevision.discovery.naming.conftest import make_clusters, name_as_a_person_would


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "provenance.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def named(clusters: Path) -> NamedClusters:
    named = NamedClusters.open(clusters)
    name_as_a_person_would(named)
    return named


def test_every_label_says_on_whose_word_it_stands(named: NamedClusters, tmp_path: Path) -> None:
    apply_names(named, ApplyPlan(tmp_path / "set"))

    rows = rows_of(tmp_path / "set")
    by = Counter(row["by"] for row in rows)
    judged = {one for screen in named.screens.of(named.state).values() for one in screen.judged}
    assert by["person"] == len(judged)
    assert by["abstained"] == round(0.2 * (DIGITS - len(judged)))
    assert sum(by.values()) == DIGITS
    for row in rows:
        assert (row["image"] == "") == (row["by"] == "abstained") == (row["weight"] == "0")
        assert row["by"] != "person" or row["weight"] == "1"
        assert row["image"] in ("", f"{row['label']}/{row['source'].replace('/', '__')}")


def test_train_reads_it_with_its_weights(named: NamedClusters, tmp_path: Path) -> None:
    apply_names(named, ApplyPlan(tmp_path / "set"))

    dataset = open_dataset(tmp_path / "set")

    rows = {row["image"]: row for row in rows_of(tmp_path / "set") if row["image"]}
    assert not dataset.skipped
    assert {dataset.relative(sample) for sample in dataset.samples} == set(rows)
    for sample in dataset.samples:
        assert sample.label is not None
        assert dataset.labels[sample.label] == rows[dataset.relative(sample)]["label"]
        assert sample.weight == float(rows[dataset.relative(sample)]["weight"])


def test_labels_that_stay_are_righter_than_all(named: NamedClusters, tmp_path: Path) -> None:
    def share_right(abstain: float) -> float:
        apply_names(named, ApplyPlan(tmp_path / "set", abstain, force=True))
        kept = [row for row in rows_of(tmp_path / "set") if row["by"] == "cluster"]
        return float(np.mean([row["label"] == row["source"].partition("/")[0] for row in kept]))

    assert share_right(0.4) > share_right(0.0)


def test_pictures_are_not_changed_and_not_doubled_on_one_disk(named: NamedClusters, tmp_path: Path) -> None:
    apply_names(named, ApplyPlan(tmp_path / "set"))

    row = next(row for row in rows_of(tmp_path / "set") if row["image"])
    source = Path(named.folder.embeddings.root) / row["source"]
    target = tmp_path / "set" / row["image"]
    assert target.read_bytes() == source.read_bytes()
    assert target.samefile(source)


def test_what_nobody_named_or_somebody_rejected_is_not_there(named: NamedClusters, tmp_path: Path) -> None:
    rejected, open_one = named.state.by_size[:2]
    named.store.reject(rejected)
    named.store.name([open_one], "")

    applied = apply_names(named, ApplyPlan(tmp_path / "set"))

    sources = {row["source"] for row in rows_of(tmp_path / "set")}
    gone = [*named.state.members[rejected], *named.state.members[open_one]]
    assert not sources & {named.folder.embeddings.names[one] for one in gone}
    assert applied.metrics()["by"]["left out"] == len(named.state.members[rejected])
    assert applied.metrics()["by"]["not named"] == len(named.state.members[open_one])


def test_frames_of_videos_become_files_that_tell_video_and_frame(tmp_path: Path) -> None:
    video = write_video(tmp_path / "site" / "a.avi", [(200, 30, 30), (30, 30, 200)], frames_each=8)
    named = NamedClusters.open(make_clusters(tmp_path / "clusters", str(video.parent), "pixels", 2))
    for number in named.state.by_size:
        first = named.folder.embeddings.names[named.state.members[number][0]]
        named.store.name([number], "blue" if int(first.partition("#")[2]) < 8 else "red")

    apply_names(named, ApplyPlan(tmp_path / "set", abstain=0))

    files = {path.relative_to(tmp_path / "set").as_posix() for path in (tmp_path / "set").glob("*/*")}
    assert files == {f"{'blue' if frame < 8 else 'red'}/a.avi__{frame:06d}.png" for frame in range(16)}
    frames = named.folder.frames()
    assert np.array_equal(read_image(tmp_path / "set" / "red" / "a.avi__000009.png"), frames.read(frames.items[9]))


def test_equal_file_names_of_several_folders_stay_apart(tmp_path: Path, digits_folder: Path) -> None:
    picture = next(digits_folder.glob("3/*.png")).read_bytes()
    other = next(digits_folder.glob("0/*.png")).read_bytes()
    for place, data in (("a/x.png", picture), ("a__x.png", picture), ("A/x.png", other), ("b/x.png", other)):
        (tmp_path / "in" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / place).write_bytes(data)
    named = NamedClusters.open(make_clusters(tmp_path / "clusters", str(tmp_path / "in"), "pixels", 2))
    named.store.name([0], "p")
    named.store.name([1], "q")

    apply_names(named, ApplyPlan(tmp_path / "set", abstain=0))

    images = [row["image"] for row in rows_of(tmp_path / "set")]
    assert len({image.casefold() for image in images}) == len(images) == 4


def test_a_picture_that_is_gone_is_told_and_the_rest_is_written(tmp_path: Path, digits_folder: Path) -> None:
    for number, file in enumerate(sorted(digits_folder.glob("[03]/*.png"))[:20]):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number:02d}.png").write_bytes(file.read_bytes())
    named = NamedClusters.open(make_clusters(tmp_path / "clusters", str(tmp_path / "in"), "pixels", 2))
    named.store.name([0], "p")
    named.store.name([1], "q")
    (tmp_path / "in" / "05.png").unlink()

    applied = apply_names(named, ApplyPlan(tmp_path / "set", abstain=0))

    assert applied.missing == ["05.png is not there any more"]
    assert len(rows_of(tmp_path / "set")) == 19


def test_a_folder_of_somebody_elses_is_never_replaced(named: NamedClusters, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("…")

    with pytest.raises(UsageError, match="exists already"):
        apply_names(named, ApplyPlan(tmp_path / "mine"))
    with pytest.raises(UsageError, match="is not a data set that names made"):
        apply_names(named, ApplyPlan(tmp_path / "mine", force=True))


def test_a_cluster_counts_more_the_farther_it_is_from_another_name() -> None:
    margin = np.array([0.9, 0.1, 0.2, 0.3, 0.5, 0.05])
    by = (PERSON, CLUSTER, CLUSTER, CLUSTER, CLUSTER, "abstained")
    found = Propagation(("a", "b"), np.zeros(6, int), by, margin, 0.1)

    median = 0.3
    half_way = LEAST_WEIGHT + (1 - LEAST_WEIGHT) * (0.2 - 0.1) / (median - 0.1)
    assert weights(found) == pytest.approx([1, LEAST_WEIGHT, half_way, 1, 1, 0])
