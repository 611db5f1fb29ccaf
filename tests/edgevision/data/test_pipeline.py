import numpy as np
import pytest

from edgevision.data.augment import Augmentation
from edgevision.data.dataset import open_dataset
from edgevision.data.pipeline import NO_LABEL, Cache, image_pipeline
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ContractError, DataError
from edgevision_runtime.operations import Color, Contrast, Layout, Normalize, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec
from tests.edgevision.data.pictures import write_mask, write_picture

RGB = Preprocess((Resize((8, 6), "squash", "bilinear"), Color("rgb")))
NORMALIZED = Normalize(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CONTRACTS = {
    "uint8": RGB,
    "gray": Preprocess((Resize((8, 6), "letterbox", "area", 114), Color("gray"))),
    "normalized": Preprocess((*RGB.operations, NORMALIZED)),
    "planes": Preprocess((*RGB.operations, NORMALIZED, Layout("NCHW"))),
    "repaired": Preprocess((Contrast("clahe", 2.0, 4), *RGB.operations, Normalize(1.0, (127.0,), (128.0,)))),
}


def _spec(dataset, preprocess):
    head = "segment" if dataset.task == "segment" else "classify"
    return ModelSpec(head, dataset.labels, preprocess, Postprocess(head))


def _all(data):
    batches = [(images.numpy(), truth.numpy()) for images, truth in data]
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_pipeline_makes_the_bits_that_the_contract_makes_by_hand(class_folder, name):
    dataset, preprocess = open_dataset(class_folder), CONTRACTS[name]

    images, labels = _all(image_pipeline(dataset.samples, _spec(dataset, preprocess), batch=7))

    by_hand = np.stack([preprocess(sample.read_image()) for sample in dataset.samples])
    assert images.dtype == np.float32
    assert np.array_equal(images, by_hand.astype(np.float32))
    assert labels.tolist() == [sample.label for sample in dataset.samples]
    assert labels.dtype == np.int32


def test_masks_go_through_the_contract_too(tmp_path):
    for seed in range(3):
        write_picture(tmp_path / "d" / "images" / f"{seed}.png", seed, (4, 8))
        write_mask(tmp_path / "d" / "masks" / f"{seed}.png", [[0, 0, 0, 0, 255, 255, 255, 255]] * 4)
    (tmp_path / "d" / "classes.txt").write_text("background\nlung\n")
    dataset = open_dataset(tmp_path / "d")
    preprocess = Preprocess((Resize((8, 8), "letterbox", "bilinear", 0), Color("gray")))

    images, masks = _all(image_pipeline(dataset.samples, _spec(dataset, preprocess), batch=2))

    assert images.shape == (3, 8, 8, 1)
    assert masks.dtype == np.uint8
    # 4 rows in the middle of 8; above and below is padding, which counts nowhere
    assert masks[0].tolist() == [[255] * 8] * 2 + [[0] * 4 + [1] * 4] * 4 + [[255] * 8] * 2


def test_without_a_seed_the_order_stays_and_the_last_batch_is_kept(class_folder):
    dataset = open_dataset(class_folder)

    sizes = [len(images) for images, _ in image_pipeline(dataset.samples, _spec(dataset, RGB), batch=8)]

    assert sizes == [8, 8, 8, 6]


def test_each_pass_has_its_own_order_and_a_run_can_be_repeated(class_folder):
    dataset = open_dataset(class_folder)

    def passes(seed):
        data = image_pipeline(dataset.samples, _spec(dataset, RGB), 8, Augmentation.parse("strong"), seed)
        return [_all(data) for _ in range(2)]

    first, again, other = passes(1), passes(1), passes(2)

    for (images, labels), (same_images, same_labels) in zip(first, again, strict=True):
        assert np.array_equal(images, same_images)
        assert np.array_equal(labels, same_labels)
    assert not np.array_equal(first[0][0], first[1][0])
    assert not np.array_equal(first[0][0], other[0][0])
    assert sorted(first[0][1]) == [0] * 20 + [1] * 10


def test_the_second_pass_reads_no_file(class_folder):
    dataset = open_dataset(class_folder)
    data = image_pipeline(dataset.samples, _spec(dataset, RGB), 8)
    first = _all(data)
    for sample in dataset.samples:
        sample.image.unlink()

    second = _all(data)

    assert np.array_equal(first[0], second[0])


def test_a_set_above_the_limit_is_kept_in_a_file_and_says_so(class_folder, tmp_path):
    dataset, said = open_dataset(class_folder), []
    cache = Cache(limit_bytes=1000, folder=tmp_path, log=said.append)
    data = image_pipeline(dataset.samples, _spec(dataset, RGB), 8, cache=cache)

    in_file, again = _all(data)[0], _all(data)[0]

    in_memory = _all(image_pipeline(dataset.samples, _spec(dataset, RGB), 8))[0]
    assert np.array_equal(in_file, in_memory)
    assert np.array_equal(again, in_memory)
    assert "30 prepared images" in said[0]
    assert list(tmp_path.glob("edgevision-cache-*/images*"))


def test_augmented_pictures_are_normalized_by_the_same_table(class_folder):
    dataset = open_dataset(class_folder)
    augmentation = Augmentation.parse("flip=1")

    images, _ = _all(image_pipeline(dataset.samples, _spec(dataset, CONTRACTS["normalized"]), 8, augmentation))

    by_hand = [CONTRACTS["normalized"](sample.read_image())[:, ::-1] for sample in dataset.samples]
    assert np.array_equal(images, np.stack(by_hand))


def test_pictures_without_labels_get_none(tmp_path):
    write_picture(tmp_path / "photos" / "a.png", 1)
    dataset = open_dataset(tmp_path / "photos")

    _, labels = _all(image_pipeline(dataset.samples, _spec(dataset, RGB), 8))

    assert labels.tolist() == [NO_LABEL]


def test_shapes_are_known_before_the_first_picture(class_folder):
    dataset = open_dataset(class_folder)

    images, labels = image_pipeline(dataset.samples, _spec(dataset, CONTRACTS["planes"]), 8).element_spec

    assert images.shape.as_list() == [None, 3, 8, 6]
    assert labels.shape.as_list() == [None]


def test_what_cannot_be_prepared_is_refused_at_once(class_folder):
    dataset = open_dataset(class_folder)

    with pytest.raises(DataError, match="no images"):
        image_pipeline((), _spec(dataset, RGB), 8)
    with pytest.raises(ContractError, match="no fixed output size"):
        image_pipeline(dataset.samples, _spec(dataset, Preprocess((Color("rgb"),))), 8)
