"""Wrong labels are found by what the pictures show."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgevision.discovery.curation.suspects import Labelled, find_suspects, labels_of, require_cleanlab
from edgevision_runtime.errors import DataError, MissingDependency
from tests.edgevision.discovery.curation.scenes import scene, write


def labelled_digits(wrong: int) -> tuple[Labelled, set[str]]:
    """400 digits, (with this many labels moved on by one, their names)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = digits.target[:400].copy()
    moved = np.random.default_rng(0).choice(400, wrong, replace=False)
    labels[moved] = (labels[moved] + 1) % 10
    names = [f"{row}.png" for row in range(400)]
    return Labelled(digits.data[:400].astype(np.float32), names, [str(label) for label in labels]), {
        names[row] for row in moved
    }


def test_most_wrong_labels_are_found_and_little_else() -> None:
    pytest.importorskip("cleanlab")
    labelled, moved = labelled_digits(wrong=12)

    found = find_suspects(labelled, 0, pytest.fail)

    names = {one.name for one in found}
    assert len(names & moved) >= 8  # 10 of the 12 on our machines
    assert len(names - moved) <= 8  # 2 % of the set
    assert all(one.value is not None and one.limit is not None and one.value >= one.limit for one in found)


def test_a_suspect_says_what_it_is_called_and_what_it_looks_like() -> None:
    pytest.importorskip("cleanlab")
    labelled, moved = labelled_digits(wrong=12)

    one = next(one for one in find_suspects(labelled, 0, pytest.fail) if one.name in moved)

    of_name = dict(zip(labelled.names, labelled.labels, strict=True))
    assert one.detail == f"labelled {of_name[one.name]}, looks like {(int(of_name[one.name]) - 1) % 10}"
    assert of_name[one.beside] == of_name[one.name]
    assert of_name[one.similar_to] == one.detail[-1]


def test_a_class_of_few_pictures_is_left_out_and_said() -> None:
    pytest.importorskip("cleanlab")
    labelled, _ = labelled_digits(wrong=0)
    said: list[str] = []

    few = Labelled(labelled.features, labelled.names, ["rare", "rare", *labelled.labels[2:]])
    found = find_suspects(few, 0, said.append)

    assert said == ["labels of class rare are not judged: it has 2 pictures, 5 are needed"]
    assert not {"0.png", "1.png"} & {one.name for one in found}


def test_one_class_cannot_be_judged() -> None:
    pytest.importorskip("cleanlab")

    with pytest.raises(DataError, match="two classes"):
        find_suspects(Labelled(np.ones((9, 2), np.float32), "abcdefghi", ["cat"] * 9), 0, lambda text: None)


def test_labels_are_those_that_train_reads(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/dog/2.png"):
        write(tmp_path / name, scene(len(name)))

    assert labels_of(str(tmp_path)) == {"train/cat/1.png": "cat", "train/dog/1.png": "dog", "test/dog/2.png": "dog"}


def test_without_cleanlab_the_command_that_helps_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "cleanlab", raising=False)

    with pytest.raises(MissingDependency, match=r'pip install "edgevision\[curate\]"'):
        require_cleanlab()
