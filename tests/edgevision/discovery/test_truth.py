"""True labels are read for judging alone, from folders or from a table."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edgevision.discovery
from edgevision.discovery.truth import truth_of_csv, truth_of_folders
from edgevision_runtime.errors import DataError

MAY_READ_LABELS = {"clustering/outcome.py"}  # after the clusters are found


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["cat/1.png", "dog/2.png", "cat/deep/3.png"], ["cat", "dog", "cat"]),
        (["train/cat/1.png", "test/dog/1.png", "train/cat/2.png"], ["cat", "dog", "cat"]),
        (["test/1.png", "dog/2.png", "dog/3.png"], ["test", "dog", "dog"]),  # without train/ it is a class like others
        (["cat/a.mp4#0", "cat/a.mp4#1", "dog/b.mp4#0"], ["cat", "cat", "dog"]),
    ],
)
def test_labels_are_the_class_folders(names: list[str], labels: list[str]) -> None:
    truth = truth_of_folders(names)

    positions, found = truth.judged(names)

    assert positions.tolist() == [0, 1, 2]
    assert [truth.labels[label] for label in found] == labels


def test_a_table_may_leave_pictures_out(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("label,name\nred,a.png\nblue,c.png\n,d.png\n", encoding="utf-8-sig")

    truth = truth_of_csv(tmp_path / "labels.csv")
    positions, found = truth.judged(["a.png", "b.png", "c.png", "d.png"])

    assert truth.labels == ("blue", "red")
    assert (positions.tolist(), found.tolist()) == ([0, 2], [1, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,red\n", "holds path, label"),
        ("", "holds nothing"),
        ("name,label\na.png,red\na.png,blue\n", "line 3: a.png is red and blue"),
    ],
)
def test_another_table_is_refused_by_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)

    with pytest.raises(DataError, match=message):
        truth_of_csv(tmp_path / "labels.csv")


def test_names_without_folders_and_labels_of_other_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="no folders to take labels from"):
        truth_of_folders(["1.png", "2.png"])
    with pytest.raises(DataError, match="no picture has a true label"):
        truth_of_folders(["cat/1.png"]).judged(["mouse/1.png"])


def test_nothing_that_learns_or_clusters_knows_of_labels() -> None:
    root = Path(edgevision.discovery.__path__[0])
    clustering = [*(root / "clustering").glob("*.py"), *(root / "pretraining").glob("*.py"), *root.glob("*.py")]

    knowing = [
        path.relative_to(root).as_posix()
        for path in clustering
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "edgevision.discovery.truth"
    ]

    assert set(knowing) == MAY_READ_LABELS
