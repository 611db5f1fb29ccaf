import shutil

import pytest

from edgevision.data.dataset import open_dataset
from edgevision_runtime.errors import DataError
from tests.edgevision.data.pictures import write_mask, write_picture


def test_a_folder_per_class_is_read_in_the_order_of_names(class_folder):
    dataset = open_dataset(class_folder)

    assert (dataset.task, dataset.labels) == ("classify", ("cat", "dog"))
    assert [sample.label for sample in dataset.samples] == [0] * 20 + [1] * 10
    assert dataset.relative(dataset.samples[0]) == "cat/cat-00.png"
    assert dataset.skipped == ()


def test_classes_txt_gives_the_order(class_folder):
    (class_folder / "classes.txt").write_text("dog\ncat\n")

    dataset = open_dataset(class_folder)

    assert dataset.labels == ("dog", "cat")
    assert dataset.counts() == {"dog": 10, "cat": 20}


def test_a_folder_that_classes_txt_does_not_name_is_an_error(class_folder):
    (class_folder / "classes.txt").write_text("cat\n")

    with pytest.raises(DataError, match=r"dog is not in classes\.txt"):
        open_dataset(class_folder)


def test_an_empty_class_is_an_error(class_folder):
    (class_folder / "bird").mkdir()

    with pytest.raises(DataError, match=r"class 'bird' of .* has no images that can be read"):
        open_dataset(class_folder)


def test_a_class_whose_every_file_is_broken_names_them(class_folder):
    (class_folder / "bird").mkdir()
    (class_folder / "bird" / "blue.jpg").write_bytes(b"no picture")

    with pytest.raises(DataError, match=r"class 'bird'.*blue\.jpg is not a picture"):
        open_dataset(class_folder)


def test_files_that_cannot_be_read_are_skipped_by_name(class_folder):
    (class_folder / "cat" / "broken.jpg").write_bytes(b"no picture")
    (class_folder / "cat" / "empty.png").write_bytes(b"")
    (class_folder / "cat" / "notes.txt").write_text("fluffy")
    (class_folder / "cat" / ".DS_Store").write_bytes(b"litter")

    dataset = open_dataset(class_folder)

    assert len(dataset.samples) == 30
    assert {entry.path.name: entry.reason for entry in dataset.skipped} == {
        "broken.jpg": "broken.jpg is not a picture that can be read",
        "empty.png": "empty.png is empty",
        "notes.txt": "notes.txt is no image (by its name)",
    }


def test_split_folders_are_kept(class_folder, tmp_path):
    root = tmp_path / "own"
    shutil.copytree(class_folder, root / "train")
    write_picture(root / "valid" / "cat" / "v.png", 1)
    write_picture(root / "test" / "dog" / "t.png", 2)

    dataset = open_dataset(root)

    assert dataset.labels == ("cat", "dog")
    assert len(dataset.of_split("train")) == 30
    assert [s.image.name for s in dataset.of_split("val")] == ["v.png"]
    assert [s.image.name for s in dataset.of_split("test")] == ["t.png"]


def test_a_class_without_training_images_is_an_error(class_folder, tmp_path):
    root = tmp_path / "own"
    shutil.copytree(class_folder, root / "train")
    write_picture(root / "test" / "bird" / "t.png", 2)

    with pytest.raises(DataError, match=r"class 'bird' .* has no training images"):
        open_dataset(root)


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "bus"):
        write_picture(tmp_path / "vehicles" / name / "a.png", len(name))

    assert open_dataset(tmp_path / "vehicles").labels == ("bus", "train")


def test_plain_images_have_no_labels(tmp_path):
    write_picture(tmp_path / "photos" / "a.png", 1)

    dataset = open_dataset(tmp_path / "photos")

    assert (dataset.task, dataset.labels) == ("unlabelled", ())
    assert dataset.samples[0].label is None


def test_labels_that_are_demanded_and_missing_are_an_error(tmp_path):
    write_picture(tmp_path / "photos" / "a.png", 1)

    with pytest.raises(DataError, match="has no labels; expected one to classify: CLASS/"):
        open_dataset(tmp_path / "photos", task="classify")


def test_masks_are_paired_by_name(mask_folder):
    dataset = open_dataset(mask_folder, task="segment")

    assert (dataset.task, dataset.labels) == ("segment", ("background", "lung"))
    assert [sample.mask.stem for sample in dataset.samples] == ["film0", "film1", "film2"]
    assert {sample.mask_encoding for sample in dataset.samples} == {"binary"}


def test_split_folders_of_masks_are_kept(mask_folder, tmp_path):
    root = tmp_path / "own"
    shutil.copytree(mask_folder, root / "train")
    shutil.move(root / "train" / "classes.txt", root / "classes.txt")
    write_picture(root / "test" / "images" / "t.png", 9, (1, 2))
    write_mask(root / "test" / "masks" / "t.png", [[0, 255]])

    dataset = open_dataset(root)

    assert [sample.image.name for sample in dataset.of_split("test")] == ["t.png"]


def test_index_masks_keep_255_as_ignore(mask_folder):
    write_mask(mask_folder / "masks" / "film0.png", [[0, 1, 255], [0, 1, 255]])
    for name in ("film1", "film2"):
        write_mask(mask_folder / "masks" / f"{name}.png", [[0, 255, 255], [0, 255, 255]])

    dataset = open_dataset(mask_folder)

    # film1 alone looks like 0/255; the set as a whole shows that 255 is no class
    assert dataset.samples[1].read_mask(dataset.labels).tolist() == [[0, 255, 255], [0, 255, 255]]


def test_a_mask_without_an_image_is_named(mask_folder):
    (mask_folder / "images" / "film1.png").unlink()

    with pytest.raises(DataError, match=r"1 masks in .* have no image: film1\.png"):
        open_dataset(mask_folder)


def test_an_image_without_a_mask_is_named(mask_folder):
    (mask_folder / "masks" / "film2.png").unlink()

    with pytest.raises(DataError, match=r"1 images in .* have no mask: film2\.png"):
        open_dataset(mask_folder)


def test_a_mask_of_another_size_is_skipped_by_name(mask_folder):
    write_mask(mask_folder / "masks" / "film1.png", [[0, 255]])

    dataset = open_dataset(mask_folder)

    assert len(dataset.samples) == 2
    assert [entry.reason for entry in dataset.skipped] == ["mask film1.png is 2×1, its image 3×2"]


def test_a_mask_that_cannot_be_read_is_skipped_by_name(mask_folder):
    (mask_folder / "masks" / "film1.png").write_bytes(b"no mask")

    dataset = open_dataset(mask_folder)

    assert [entry.path.name for entry in dataset.skipped] == ["film1.png"]


def test_a_class_beyond_classes_txt_names_the_mask(mask_folder):
    write_mask(mask_folder / "masks" / "film1.png", [[0, 1, 7], [0, 0, 0]])

    with pytest.raises(DataError, match=r"mask film1\.png holds class 7, which classes\.txt does not name"):
        open_dataset(mask_folder)


def test_a_class_that_no_mask_shows_is_an_error(mask_folder):
    (mask_folder / "classes.txt").write_text("background\nlung\nheart\n")
    for seed in range(3):
        write_mask(mask_folder / "masks" / f"film{seed}.png", [[0, 1, 1], [0, 1, 1]])

    with pytest.raises(DataError, match=r"no mask in .* shows class 'heart'"):
        open_dataset(mask_folder)


def test_the_rarest_class_of_a_mask_is_its_stratum(mask_folder):
    (mask_folder / "classes.txt").write_text("background\nlung\nheart\n")
    for seed, values in enumerate(([[0, 1, 1], [0, 1, 2]], [[0, 1, 1], [0, 1, 1]], [[0, 0, 0], [0, 0, 0]])):
        write_mask(mask_folder / "masks" / f"film{seed}.png", values)

    assert [sample.stratum for sample in open_dataset(mask_folder).samples] == [2, 1, 0]


def test_two_images_of_one_name_are_an_error(mask_folder):
    shutil.copy(mask_folder / "images" / "film0.png", mask_folder / "images" / "film0.jpg")

    with pytest.raises(DataError, match="share a name"):
        open_dataset(mask_folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [("lung\n", "names 1 classes"), ("a\nb\na\n", "names 'a' twice"), ("", "names 0 classes")],
)
def test_a_classes_txt_that_cannot_be_is_an_error(mask_folder, text, message):
    (mask_folder / "classes.txt").write_text(text)

    with pytest.raises(DataError, match=message):
        open_dataset(mask_folder)


def test_missing_classes_txt_and_missing_masks_are_errors(mask_folder):
    (mask_folder / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"has no classes\.txt"):
        open_dataset(mask_folder)

    shutil.rmtree(mask_folder / "masks")
    with pytest.raises(DataError, match="has no folder masks/"):
        open_dataset(mask_folder)


def test_an_empty_folder_names_the_layouts(tmp_path):
    with pytest.raises(DataError, match=r"holds no images; expected CLASS/\*\.jpg, or images/"):
        open_dataset(tmp_path)


def test_progress_counts_every_file(class_folder):
    seen = []

    open_dataset(class_folder, on_progress=lambda done, total: seen.append((done, total)))

    assert seen == [(count, 30) for count in range(1, 31)]
