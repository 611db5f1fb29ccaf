"""provenance.csv gives pictures their weight in the loss."""

import dataclasses

import numpy as np
import pytest

from edgevision.data.augment import Augmentation
from edgevision.data.dataset import open_dataset
from edgevision.data.pipeline import image_pipeline
from edgevision.data.provenance import PROVENANCE, describe_provenance
from edgevision.training.class_weights import class_weights
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import DataError
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec
from tests.edgevision.data.pictures import write_picture

CONTRACT = Preprocess((Resize((8, 6), "squash", "bilinear"), Color("rgb")))


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        write_picture(tmp_path / "cat" / f"{number}.png", number)
        write_picture(tmp_path / "dog" / f"{number}.png", 10 + number)
    return tmp_path


def state(folder, *rows):
    head = "image,label,by,margin,weight,source"
    (folder / PROVENANCE).write_text("\n".join([head, *rows]) + "\n")


def weight_of(dataset):
    return {dataset.relative(sample): sample.weight for sample in dataset.samples}


def test_pictures_have_the_weights_of_their_rows_and_others_weigh_one(folder):
    state(folder, "cat/0.png,cat,person,0.4,1,a.png", "cat/1.png,cat,cluster,0.1,0.5,b.png", ",cat,abstained,0,0,c.png")

    weights = weight_of(open_dataset(folder))

    assert weights["cat/0.png"] == 1
    assert weights["cat/1.png"] == 0.5
    assert len(weights) == 8


def test_what_weighs_nothing_is_not_in_the_data_set_and_that_is_said(folder):
    state(folder, "cat/1.png,cat,cluster,0.1,0,b.png")

    dataset = open_dataset(folder)

    assert "cat/1.png" not in weight_of(dataset)
    assert [one.reason for one in dataset.skipped] == ["cat/1.png weighs 0 in provenance.csv"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("cat/0.png,cat,person,0.4,much,a.png", "line 2: weight 'much'"),
        ("cat/0.png,cat,person,0.4,-1,a.png", "line 2: weight '-1'"),
        ("cat/0.png,cat,person,0.4,1,a.png\ncat/0.png,cat,person,0.4,1,a.png", "line 3: cat/0.png stands there twice"),
        ("\n".join(f"cat/{number}.png,cat,person,1,0," for number in range(4)), "leaves class 'cat' without pictures"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(folder, row, said):
    state(folder, row)

    with pytest.raises(DataError, match=said):
        open_dataset(folder)


def test_a_file_with_other_columns_is_refused(folder):
    (folder / PROVENANCE).write_text("image,weight\n")

    with pytest.raises(DataError, match="no column by"):
        open_dataset(folder)


def test_on_whose_word_the_labels_are_is_said(folder):
    state(folder, "cat/0.png,cat,person,0.4,1,a.png", "cat/1.png,cat,cluster,0.1,0.5,b.png")

    told = describe_provenance(open_dataset(folder))

    assert told == [
        "provenance.csv: labels given 1 by a person, 1 by their cluster; weights in the loss 0.5 to 1",
        "6 pictures stand in no row of provenance.csv: they weigh 1",
        "figures below are judged against these labels, which are not all true",
    ]


def test_a_data_set_without_the_file_says_nothing(folder):
    assert describe_provenance(open_dataset(folder)) == []


def batches(dataset, **options):
    spec = ModelSpec("classify", dataset.labels, CONTRACT, Postprocess("classify"))
    return [[np.asarray(part) for part in batch] for batch in image_pipeline(dataset.samples, spec, 3, **options)]


def test_weights_go_with_their_pictures_when_there_is_learning(folder):
    state(folder, *(f"cat/{number}.png,cat,cluster,0.1,0.{number + 1}," for number in range(4)))
    dataset = open_dataset(folder)
    light = Augmentation.parse("brightness=0.1")

    found = batches(dataset, shuffle_seed=3, augment=light)

    assert [len(batch) for batch in found] == [3, 3, 3]
    labels, weights = (np.concatenate([batch[part] for batch in found]) for part in (1, 2))
    assert sorted(weights[labels == 0].tolist()) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert weights[labels == 1].tolist() == [1, 1, 1, 1]


def test_weights_do_not_appear_when_there_is_only_looking_or_all_weigh_one(folder):
    plain = open_dataset(folder)
    state(folder, "cat/0.png,cat,cluster,0.1,0.5,")

    assert {len(batch) for batch in batches(open_dataset(folder))} == {2}
    assert {len(batch) for batch in batches(plain, shuffle_seed=3)} == {2}


def test_balanced_class_weights_balance_what_the_pictures_weigh(folder):
    state(folder, *(f"cat/{number}.png,cat,cluster,0.1,0.5," for number in range(4)))
    dataset = open_dataset(folder)
    samples = tuple(dataclasses.replace(sample, split="train") for sample in dataset.samples)

    found = class_weights("balanced", dataclasses.replace(dataset, samples=samples))

    assert found == pytest.approx((6 / (2 * 2), 6 / (2 * 4)))
