from pathlib import Path

import numpy as np
import pytest

from edgevision.data.dataset import Sample, name_some, open_dataset
from edgevision_runtime.errors import DataError


def test_a_folder_that_is_not_there_is_named_with_a_suggestion():
    with pytest.raises(DataError, match="no folder and no named set; did you mean traffic-lights"):
        open_dataset("trafic-lights")


@pytest.mark.parametrize("source", ["", "  "])
def test_an_empty_name_is_not_the_current_folder(source):
    with pytest.raises(DataError, match="no data is named"):
        open_dataset(source)


def test_a_name_that_is_also_a_folder_is_asked_for(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError, match=r"named set and a folder here; expected \./digits"):
        open_dataset("digits")


def test_samples_of_a_split_that_is_empty_are_an_error(class_folder):
    with pytest.raises(DataError, match="has no images in split 'test'"):
        open_dataset(class_folder).of_split("test")


def test_counts_are_per_label(class_folder):
    assert open_dataset(class_folder).counts() == {"cat": 20, "dog": 10}


def test_a_binary_mask_becomes_class_indices(mask_folder):
    dataset = open_dataset(mask_folder)

    mask = dataset.samples[0].read_mask(dataset.labels)

    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 0, 1], [0, 1, 1]]


def test_a_mask_is_asked_of_a_sample_that_has_none():
    with pytest.raises(DataError, match=r"x\.png has no mask"):
        Sample(Path("x.png")).read_mask(("a", "b"))


def test_long_lists_of_names_are_shortened():
    assert name_some(["c", "a", "b", "d", "e"]) == "a, b, c and 2 more"
    assert name_some(["b", "a"]) == "a, b"
