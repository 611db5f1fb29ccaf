"""A clusters folder is whole or not there, reads back as it was, and never loses names that a person gave."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.clustering.folder import ClusterFolder, NewClusterFolder, check_writable, write_clusters
from edgevision.discovery.clustering.kmeans import group
from edgevision.discovery.clustering.statistics import describe
from edgevision.discovery.embeddings import embed
from edgevision.discovery.frames import open_frames
from edgevision_runtime.errors import DataError, UsageError


@pytest.fixture(scope="module")
def new(digits_folder: Path) -> NewClusterFolder:
    embeddings = embed(open_frames(str(digits_folder)), open_backbone("pixels"))
    grouping = group(embeddings.vectors, 12, seed=0)
    statistics = describe(embeddings.vectors, grouping)
    return NewClusterFolder(Path("unset"), embeddings, grouping, statistics, {"k": 12, "seed": 0})


def at(path: Path, new: NewClusterFolder, *, force: bool = False) -> NewClusterFolder:
    return NewClusterFolder(path, new.embeddings, new.grouping, new.statistics, new.record, force)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_is_written_is_read_back(new: NewClusterFolder, tmp_path: Path) -> None:
    write_clusters(at(tmp_path / "clusters", new))

    folder = ClusterFolder.open(tmp_path / "clusters")

    assert (folder.grouping.assignment == new.grouping.assignment).all()
    assert (folder.grouping.centroids == new.grouping.centroids).all()
    assert folder.statistics.clusters == new.statistics.clusters
    assert folder.statistics.roles == new.statistics.roles
    assert folder.statistics.margin == pytest.approx(new.statistics.margin, abs=1e-6)
    assert folder.embeddings.names == new.embeddings.names
    assert (folder.record["k"], folder.record["method"]) == (12, "k-means")


def test_its_tables_can_be_read_without_edgevision(new: NewClusterFolder, tmp_path: Path) -> None:
    write_clusters(at(tmp_path / "clusters", new))

    assignments, names = (rows(tmp_path / "clusters" / f"{name}.csv") for name in ("assignments", "names"))
    document = json.loads((tmp_path / "clusters" / "clusters.json").read_text())

    assert [row["name"] for row in assignments] == list(new.embeddings.names)
    assert [(row["cluster"], row["name"]) for row in names] == [(str(number), "") for number in range(12)]
    sizes = [int(row["size"]) for row in names]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes == np.bincount([int(row["cluster"]) for row in assignments]).tolist()
    medoids = [row["name"] for row in assignments if row["role"] == "medoid"]
    assert sorted(medoids) == sorted(entry["medoid"] for entry in document["clusters"])
    assert document["space"]["backbone"] == "pixels"


def test_its_pictures_are_found_again(new: NewClusterFolder, tmp_path: Path) -> None:
    write_clusters(at(tmp_path / "clusters", new))

    frames = ClusterFolder.open(tmp_path / "clusters").frames()

    assert frames.read(frames.items[7]).shape == (8, 8, 3)
    assert [item.name for item in frames.items] == list(new.embeddings.names)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_names_that_somebody_gave_are_never_overwritten(new: NewClusterFolder, delimiter: str, tmp_path: Path) -> None:
    write_clusters(at(tmp_path / "clusters", new))
    write_clusters(at(tmp_path / "clusters", new, force=True))
    (tmp_path / "clusters" / "names.csv").write_text(delimiter.join(("cluster", "size", "name")) + "\n"
                                                     + delimiter.join(("0", "41", "seven")) + "\n")  # fmt: skip

    with pytest.raises(UsageError, match="holds names for 1 clusters"):
        write_clusters(at(tmp_path / "clusters", new, force=True))


def test_a_place_that_is_something_else_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")

    with pytest.raises(UsageError, match="exists already"):
        check_writable(tmp_path / "mine", force=False)
    with pytest.raises(UsageError, match="is not a clusters folder"):
        check_writable(tmp_path / "mine", force=True)


def test_a_failure_while_writing_leaves_nothing(new: NewClusterFolder, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise DataError("no report")

    with pytest.raises(DataError, match="no report"):
        write_clusters(at(tmp_path / "clusters", new), fail)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("clusters.json", "{}", "is not of the schema"),
        ("clusters.json", None, "is no clusters folder"),
        ("assignments.csv", "name,cluster,distance,margin,role\n", "of other pictures"),
        ("assignments.csv", None, "cannot be read"),
        ("centroids.npz", "no archive", "cannot be read"),
        ("embeddings.npz", None, "cannot be read"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(
    file: str, text: str | None, message: str, new: NewClusterFolder, tmp_path: Path
) -> None:
    write_clusters(at(tmp_path / "clusters", new))
    (tmp_path / "clusters" / file).unlink()
    if text is not None:
        (tmp_path / "clusters" / file).write_text(text)

    with pytest.raises(DataError, match=message):
        ClusterFolder.open(tmp_path / "clusters")
