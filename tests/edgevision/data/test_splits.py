import dataclasses
import hashlib
import shutil
from collections import Counter

import pytest

from edgevision.data.dataset import open_dataset
from edgevision.data.splits import SplitPlan, choose, read_splits, split, write_splits
from edgevision_runtime.errors import DataError, UsageError
from tests.edgevision.data.pictures import write_picture


def _counts(dataset):
    return Counter((dataset.labels[sample.label], sample.split) for sample in dataset.samples)


def test_every_split_keeps_the_shares_of_the_classes(class_folder):
    dataset = split(open_dataset(class_folder), SplitPlan(shares=(0.6, 0.2, 0.2)))

    assert _counts(dataset) == {
        ("cat", "train"): 12,
        ("cat", "val"): 4,
        ("cat", "test"): 4,
        ("dog", "train"): 6,
        ("dog", "val"): 2,
        ("dog", "test"): 2,
    }


def test_the_same_seed_gives_the_same_split_wherever_the_folder_lies(class_folder, tmp_path):
    elsewhere = tmp_path / "other" / "place"
    shutil.copytree(class_folder, elsewhere)

    here, there = (split(open_dataset(root), SplitPlan(seed=5)) for root in (class_folder, elsewhere))

    assert [sample.split for sample in here.samples] == [sample.split for sample in there.samples]


def test_a_split_is_pinned_for_all_machines(class_folder):
    dataset = split(open_dataset(class_folder), SplitPlan(seed=0))

    in_test = [s.image.stem for s in dataset.of_split("test") if s.label == 0]

    # the rule that README and splits.csv rely on: sha256 of "seed:path" in rising order, the last 15 % are for test
    order = sorted(
        (f"cat-{i:02d}" for i in range(20)), key=lambda n: hashlib.sha256(f"0:cat/{n}.png".encode()).digest()
    )
    assert in_test == sorted(order[-3:])


def test_another_seed_gives_another_split(class_folder):
    dataset = open_dataset(class_folder)

    assert split(dataset, SplitPlan(seed=1)) != split(dataset, SplitPlan(seed=2))


def test_a_new_image_moves_few_others(class_folder):
    before = {s.image.name: s.split for s in split(open_dataset(class_folder), SplitPlan()).samples}
    write_picture(class_folder / "cat" / "new.png", 999)

    after = {s.image.name: s.split for s in split(open_dataset(class_folder), SplitPlan()).samples}

    # one more name in the series pushes at most one image over each of the two borders
    assert sum(after[name] != before[name] for name in before) <= 2


@pytest.fixture
def grouped_folder(tmp_path):
    """30 recordings of 1 to 5 frames; each recording shows one class."""
    root = tmp_path / "recordings"
    for recording in range(30):
        for frame in range(1 + recording % 5):
            name = f"rec{recording:02d}_frame{frame}.png"
            write_picture(root / ("cat" if recording % 2 else "dog") / name, recording * 10 + frame)
    return root


@pytest.mark.parametrize("seed", range(5))
def test_a_group_never_stands_on_both_sides(grouped_folder, seed):
    dataset = split(open_dataset(grouped_folder), SplitPlan(seed=seed, group_by=r"(rec\d+)_"))

    sides = {(sample.group, sample.split) for sample in dataset.samples}

    assert len(sides) == 30  # one side each
    assert {side for _, side in sides} == {"train", "val", "test"}


def test_groups_keep_the_shares_of_the_classes(grouped_folder):
    dataset = split(open_dataset(grouped_folder), SplitPlan(group_by=r"rec\d+"))

    counts = _counts(dataset)  # 45 frames of each class, in groups of at most 5

    for label in ("cat", "dog"):
        assert abs(counts[label, "train"] - 0.7 * 45) <= 3  # half of the largest group, rounded up
        assert abs(counts[label, "val"] - 0.15 * 45) <= 3
        assert abs(counts[label, "test"] - 0.15 * 45) <= 3


def test_three_groups_of_a_class_reach_all_three_splits(tmp_path):
    for recording in range(3):
        for label in ("cat", "dog"):
            write_picture(tmp_path / "d" / label / f"{label}{recording}_0.png", recording)

    dataset = split(open_dataset(tmp_path / "d"), SplitPlan(group_by=r"(\w+)_"))

    assert set(_counts(dataset).values()) == {1}


def test_the_whole_match_is_the_group_without_a_capture(grouped_folder):
    dataset = split(open_dataset(grouped_folder), SplitPlan(group_by=r"rec\d+"))

    assert dataset.samples[0].group == "rec01"


def test_a_file_that_does_not_match_is_named(grouped_folder):
    write_picture(grouped_folder / "cat" / "stray.png", 1)

    with pytest.raises(DataError, match=r"1 file names do not match --group-by 'rec.*': stray\.png"):
        split(open_dataset(grouped_folder), SplitPlan(group_by=r"rec\d+"))


@pytest.mark.parametrize("expression", [r"(patient\d+)?", "^"])
def test_an_expression_that_finds_nothing_in_a_name_does_not_match_it(grouped_folder, expression):
    with pytest.raises(DataError, match="file names do not match --group-by"):
        split(open_dataset(grouped_folder), SplitPlan(group_by=expression))


def test_one_group_for_all_images_is_named(grouped_folder):
    with pytest.raises(DataError, match="into one group, 'rec'"):
        split(open_dataset(grouped_folder), SplitPlan(group_by="rec"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"group_by": "("},
        {"shares": (0.5, 0.2, 0.2)},
        {"shares": (0.0, 0.5, 0.5)},
        {"shares": (1.2, -0.2, 0)},
        {"shares": (float("nan"), float("nan"), float("nan"))},
    ],
)
def test_a_plan_that_cannot_be_is_a_usage_error(arguments):
    with pytest.raises(UsageError):
        SplitPlan(**arguments)


def test_a_test_split_that_came_along_is_kept(class_folder, tmp_path):
    root = tmp_path / "own"
    shutil.copytree(class_folder, root / "train")
    for seed in range(4):
        write_picture(root / "test" / "cat" / f"t{seed}.png", 500 + seed)

    dataset = split(open_dataset(root), SplitPlan(shares=(0.6, 0.2, 0.2)))

    assert sorted(s.image.stem for s in dataset.of_split("test")) == ["t0", "t1", "t2", "t3"]
    # 0.6 and 0.2 become 0.75 and 0.25 of what is left
    assert _counts(dataset)["cat", "val"] == 5
    assert _counts(dataset)["dog", "val"] == 3  # 2.5: the larger remainder is equal, the earlier split gives way
    assert len(dataset.of_split("train")) == 22


def test_a_group_on_both_sides_of_a_split_that_came_along_is_an_error(tmp_path):
    for seed, name in enumerate(("train/cat/p1_a", "train/cat/p2_a", "train/cat/p3_a", "test/cat/p1_b")):
        write_picture(tmp_path / "own" / f"{name}.png", seed)

    with pytest.raises(DataError, match="group 'p1' stands in"):
        split(open_dataset(tmp_path / "own"), SplitPlan(group_by=r"p\d"))


def test_too_few_images_are_an_error(tmp_path):
    for seed in range(2):
        write_picture(tmp_path / "d" / "cat" / f"{seed}.png", seed)

    with pytest.raises(DataError, match="2 images are too few: nothing is left for val and test"):
        split(open_dataset(tmp_path / "d"), SplitPlan())


def test_no_share_no_split(class_folder):
    dataset = split(open_dataset(class_folder), SplitPlan(shares=(0.8, 0.2, 0.0)))

    assert {sample.split for sample in dataset.samples} == {"train", "val"}


def test_splits_csv_brings_the_split_back(class_folder, tmp_path):
    dataset = split(open_dataset(class_folder), SplitPlan(seed=3, group_by=r"-(\d+)"))
    write_splits(tmp_path / "splits.csv", dataset)

    again = read_splits(tmp_path / "splits.csv", open_dataset(class_folder))

    assert again == dataset
    first_line, second_line = (tmp_path / "splits.csv").read_text().splitlines()[:2]
    assert first_line == "path,label,split,group"
    assert second_line == f"cat/cat-00.png,cat,{dataset.samples[0].split},00"


def test_an_image_that_was_not_listed_is_left_out_and_said_so(class_folder, tmp_path):
    write_splits(tmp_path / "splits.csv", split(open_dataset(class_folder), SplitPlan()))
    write_picture(class_folder / "cat" / "new.png", 7)

    again = read_splits(tmp_path / "splits.csv", open_dataset(class_folder))

    assert len(again.samples) == 30
    assert [entry.reason for entry in again.skipped] == ["new.png is not listed in splits.csv"]


def test_a_listed_image_that_is_gone_is_named(class_folder, tmp_path):
    write_splits(tmp_path / "splits.csv", split(open_dataset(class_folder), SplitPlan()))
    (class_folder / "cat" / "cat-07.png").unlink()

    with pytest.raises(DataError, match=r"1 images of .*: cat/cat-07\.png"):
        read_splits(tmp_path / "splits.csv", open_dataset(class_folder))


def test_a_label_that_changed_is_named(class_folder, tmp_path):
    dataset = split(open_dataset(class_folder), SplitPlan())
    write_splits(tmp_path / "splits.csv", dataset)
    relabelled = dataclasses.replace(dataset, samples=(dataclasses.replace(dataset.samples[0], label=1),))

    with pytest.raises(DataError, match=r"cat/cat-00\.png is 'dog' here and 'cat' in"):
        read_splits(tmp_path / "splits.csv", relabelled)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "path,label,split,group\nx.png,cat\n", "path,label,split,group\nx.png,cat,holdout,\n"]
)
def test_a_file_that_is_no_splits_csv_is_refused(class_folder, tmp_path, text):
    (tmp_path / "splits.csv").write_text(text)

    with pytest.raises(DataError, match=r"splits\.csv"):
        read_splits(tmp_path / "splits.csv", open_dataset(class_folder))


def test_a_choice_keeps_the_shares_and_the_order(class_folder):
    samples = open_dataset(class_folder).samples

    chosen = choose(samples, 6, seed=1)

    assert [sample.label for sample in chosen] == [0, 0, 0, 0, 1, 1]
    assert chosen == choose(samples, 6, seed=1)
    assert chosen != choose(samples, 6, seed=2)
    assert choose(samples, 99) == samples
