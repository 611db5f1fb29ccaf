"""The contract says exactly what happens to a frame, refuses what it does not understand, and masks move with it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ContractError
from edgevision_runtime.operations import Color, Contrast, Crop, Denoise, Layout, Normalize, Resize, WhiteBalance

EVERYTHING = Preprocess(
    (
        WhiteBalance("gray_world"),
        Denoise("median", size=3),
        Contrast("clahe", 2.0, 8),
        Crop("roi", box=(0.1, 0.2, 0.9, 0.8)),
        Resize((24, 32), "letterbox", "bilinear", 114),
        Color("rgb"),
        Normalize(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        Layout("NCHW"),
    )
)


def quadrants() -> np.ndarray:
    """4 x 8 BGR: blue, green over red, white."""
    image = np.zeros((4, 8, 3), np.uint8)
    image[:2, :4] = (255, 0, 0)
    image[:2, 4:] = (0, 255, 0)
    image[2:, :4] = (0, 0, 255)
    image[2:, 4:] = (255, 255, 255)
    return image


def test_json_brings_back_the_same_contract() -> None:
    assert Preprocess.from_json(EVERYTHING.to_json()) == EVERYTHING
    assert Preprocess.from_json(EVERYTHING.to_json()).fingerprint == EVERYTHING.fingerprint


def test_shape_dtype_and_layout_are_told_without_a_frame() -> None:
    plain = Preprocess((Resize((24, 32), "squash", "nearest"), Color("gray")))

    assert (EVERYTHING.shape, EVERYTHING.dtype, EVERYTHING.layout) == ((3, 24, 32), "float32", "NCHW")
    assert (plain.shape, plain.dtype, plain.layout) == ((24, 32, 1), "uint8", "NHWC")


def test_what_it_makes_has_that_shape_and_dtype() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (120, 90, 3), dtype=np.uint8)

    tensor = EVERYTHING(frame)

    assert (tensor.shape, tensor.dtype) == ((3, 24, 32), np.float32)


def test_a_frame_is_bgr_and_rgb_is_asked_for() -> None:
    nearest = Resize((4, 8), "squash", "nearest")

    as_rgb = Preprocess((nearest, Color("rgb")))(quadrants())
    as_bgr = Preprocess((nearest, Color("bgr")))(quadrants())

    assert as_rgb[0, 0].tolist() == [0, 0, 255]
    assert as_bgr[0, 0].tolist() == [255, 0, 0]


def test_non_square_frames_are_never_scrambled() -> None:
    """A tool that sorts dimensions to find height and width mixes left and right; ours keeps the quadrants."""
    for layout in ("NHWC", "NCHW"):
        contract = Preprocess((Resize((2, 4), "squash", "nearest"), Color("rgb"), Layout(layout)))

        tensor = contract(quadrants())

        image = tensor if layout == "NHWC" else tensor.transpose(1, 2, 0)
        assert image[0, 0].tolist() == [0, 0, 255]
        assert image[0, 3].tolist() == [0, 255, 0]
        assert image[1, 0].tolist() == [255, 0, 0]
        assert image[1, 3].tolist() == [255, 255, 255]


def test_normalize_is_scale_then_mean_then_std_in_float32() -> None:
    contract = Preprocess((Resize((1, 1), "squash", "nearest"), Color("rgb"), Normalize(2.0, (10.0,), (4.0,))))

    tensor = contract(np.full((1, 1, 3), 7, np.uint8))

    assert tensor.dtype == np.float32
    assert tensor.ravel().tolist() == [1.0, 1.0, 1.0]  # (7 * 2 - 10) / 4


def test_letterbox_pads_with_the_stated_grey_around_the_whole_picture() -> None:
    contract = Preprocess((Resize((8, 8), "letterbox", "nearest", 114),))

    image = contract(np.full((4, 8, 3), 200, np.uint8))

    assert (image[:2] == 114).all()
    assert (image[6:] == 114).all()
    assert (image[2:6] == 200).all()


def test_fit_shortest_keeps_the_middle() -> None:
    frame = np.zeros((4, 12, 3), np.uint8)
    frame[:, 4:8] = 255

    image = Preprocess((Resize((4, 4), "fit_shortest", "nearest"),))(frame)

    assert (image == 255).all()


def test_gray_world_makes_channel_means_equal() -> None:
    frame = np.random.default_rng(1).integers(0, 120, (40, 40, 3)).astype(np.uint8)
    frame[..., 2] //= 2

    balanced = Preprocess((WhiteBalance("gray_world"), Resize((40, 40), "squash", "nearest")))(frame)

    means = balanced.mean(axis=(0, 1))
    assert means.max() - means.min() < 1.0  # rounding to whole steps
    assert (Preprocess((WhiteBalance("gray_world"),)).to_image(np.zeros((2, 2, 3), np.uint8)) == 0).all()


def test_bilinear_is_the_exact_one_that_has_the_same_bits_on_every_cpu() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (97, 131, 3), dtype=np.uint8)

    image = Preprocess((Resize((24, 32), "squash", "bilinear"),))(frame)

    assert np.array_equal(image, cv2.resize(frame, (32, 24), interpolation=cv2.INTER_LINEAR_EXACT))


@pytest.mark.parametrize(
    ("operation", "is_stable"),
    [
        (Denoise("median", size=5), True),
        (Denoise("nlmeans", strength=3.0), False),
        (Contrast("clahe", 2.0, 8), False),
        (Resize((8, 8), "squash", "area"), False),
        (Resize((8, 8), "squash", "nearest"), True),
    ],
)
def test_operations_say_whether_they_are_bit_stable(operation: object, is_stable: bool) -> None:
    assert Preprocess((operation,)).is_bit_stable is is_stable  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["squash", "fit_shortest", "letterbox"])
def test_a_mask_moves_as_its_picture_and_comes_back(mode: str) -> None:
    pad = 0 if mode == "letterbox" else None
    contract = Preprocess((Crop("roi", box=(0.25, 0.0, 1.0, 1.0)), Resize((60, 50), mode, "nearest", pad)))
    mask = np.zeros((120, 160), np.uint8)
    mask[30:90, 70:130] = 1
    frame = np.repeat((mask * 255)[..., None], 3, axis=2)

    moved = contract.to_mask(mask)
    placed = contract.place_mask(moved, 120, 160)

    assert np.array_equal(moved == 1, contract.to_image(frame)[..., 0] == 255)
    seen = placed != 255
    assert (placed[seen] == mask[seen]).mean() > 0.97  # nearest neighbour there and back: one pixel at an edge
    assert not seen[:, :39].any()  # the contract cut a quarter of 160 columns off on the left


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ((Resize((8, 8), "squash", "nearest"), Resize((4, 4), "squash", "nearest")), "2 resize operations"),
        ((Normalize(1.0, (0.0,), (1.0,)), Color("rgb")), "normalize after all image operations"),
        ((Layout("NCHW"), Normalize(1.0, (0.0,), (1.0,))), "layout last"),
        ((Color("rgb"), WhiteBalance("gray_world")), "white_balance stands after color"),
    ],
)
def test_an_impossible_order_is_refused(operations: tuple[object, ...], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Preprocess(operations)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"op": "resise", "size": [8, 8]}, "unknown op 'resise'"),
        ({"op": "resize", "size": [8, 8], "mode": "squash", "kernel": "bilinear", "pad": 3}, "only letterbox pads"),
        ({"op": "resize", "size": [8, 8], "mode": "letterbox", "kernel": "bilinear"}, "pad is None"),
        ({"op": "resize", "size": [8, 0], "mode": "squash", "kernel": "bilinear"}, "size is"),
        ({"op": "resize", "mode": "squash", "kernel": "bilinear"}, "size"),
        ({"op": "normalize", "scale": 1.0, "mean": [0.0], "std": [0.0]}, "above 0"),
        ({"op": "normalize", "scale": 1.0, "mean": [float("nan")], "std": [1.0]}, "mean is"),
        ({"op": "color", "to": "RGB"}, "rgb | bgr | gray"),
        ({"op": "denoise", "method": "median", "size": 4}, "3 | 5 | 7 | 9"),
        ({"op": "crop", "mode": "roi", "box": [0.5, 0, 0.2, 1]}, "left < right"),
        ("resize", "an object"),
    ],
)
def test_a_wrong_entry_is_named_with_what_was_expected(entry: object, message: str) -> None:
    document = {"schema": "edgevision.preprocess/1", "operations": [entry]}

    with pytest.raises(ContractError) as caught:
        Preprocess.from_json(document)
    assert message.replace("\\", "") in str(caught.value)


@pytest.mark.parametrize("frame", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_a_frame_that_is_not_bgr_uint8_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(ContractError, match=r"uint8 \(height, width, 3\) in BGR"):
        Preprocess((Color("rgb"),))(frame)


def test_a_centre_crop_larger_than_the_frame_is_refused_with_both_sizes() -> None:
    with pytest.raises(ContractError, match=r"the image is 4×8; expected at least 10×10"):
        Preprocess((Crop("center", size=(10, 10)),))(quadrants())


def test_a_region_of_a_resized_image_has_a_size_of_its_own() -> None:
    contract = Preprocess((Resize((10, 20), "squash", "nearest"), Crop("roi", box=(0.5, 0.0, 1.0, 0.5))))

    assert contract.size == (5, 10)
    assert contract(np.zeros((30, 30, 3), np.uint8)).shape == contract.shape
