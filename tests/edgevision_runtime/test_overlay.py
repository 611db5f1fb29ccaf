"""An overlay colours exactly the pixels where the contract lays the mask, and leaves all others alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from edgevision_runtime.annotate import PALETTE
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Crop, Resize
from edgevision_runtime.overlay import Overlay

CONTRACTS = {
    "squash": (Resize((33, 65), "squash", "bilinear"),),
    "fit_shortest": (Resize((40, 24), "fit_shortest", "bilinear"),),
    "letterbox": (Resize((64, 64), "letterbox", "bilinear", 114),),
    "crop": (Crop("roi", box=(0.2, 0.3, 0.8, 0.95)), Resize((32, 32), "squash", "bilinear")),
}


def frame(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("operations", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("size", [(90, 160), (160, 90), (20, 30), (257, 391)])
@pytest.mark.parametrize("stride", [1, 4])
def test_each_pixel_has_the_colour_of_its_class_where_the_contract_lays_the_mask(operations, size, stride) -> None:
    contract = Preprocess(operations)
    image, (height, width) = frame(*size), contract.size
    mask = np.random.default_rng(1).integers(0, 9, (-(-height // stride), -(-width // stride)), np.uint8)
    placed = contract.place_mask(mask, *size, fill=0)

    drawn = Overlay(contract, PALETTE, opacity=1.0)(image, mask)

    colours = np.array([PALETTE[0], *(PALETTE[1 + index % 6] for index in range(8))], np.uint8)
    expected = np.where((placed == 0)[..., None], image, colours[placed])
    assert np.array_equal(drawn, expected)


def test_colours_are_mixed_with_the_frame() -> None:
    contract = Preprocess((Resize((8, 8), "squash", "bilinear"),))
    image, mask = frame(16, 16), np.zeros((8, 8), np.uint8)
    mask[2:4, 5] = 2

    drawn = Overlay(contract, PALETTE, opacity=0.45)(image, mask)

    expected = image.astype(np.float64)
    expected[4:8, 10:12] = expected[4:8, 10:12] * 0.55 + np.array(PALETTE[2]) * 0.45
    assert np.abs(drawn - expected).max() <= 0.5 + 1e-3  # rounded to the nearest, in float32
    is_plain = np.ones((16, 16), bool)
    is_plain[4:8, 10:12] = False
    assert np.array_equal(drawn[is_plain], image[is_plain])


@pytest.mark.parametrize(
    "marked", [(slice(10, 14), slice(20, 30)), (slice(0, 1), slice(0, 1)), (slice(63, 64), slice(63, 64))]
)
def test_a_small_object_is_drawn_where_it_is_and_nothing_else_is_touched(marked) -> None:
    contract = Preprocess((Resize((64, 64), "letterbox", "bilinear", 0),))
    image, mask = frame(180, 320), np.zeros((64, 64), np.uint8)
    mask[marked] = 1
    placed = contract.place_mask(mask, 180, 320, fill=0)

    drawn = Overlay(contract, PALETTE, opacity=1.0)(image, mask)

    assert np.array_equal(drawn, np.where((placed == 1)[..., None], np.array(PALETTE[1], np.uint8), image))


def test_an_empty_mask_is_the_frame_and_the_frame_is_never_drawn_on() -> None:
    contract = Preprocess((Resize((8, 8), "squash", "bilinear"),))
    image = frame(20, 20)
    before = image.copy()
    draw = Overlay(contract, PALETTE)

    assert np.array_equal(draw(image, np.zeros((8, 8), np.uint8)), before)
    draw(image, np.ones((8, 8), np.uint8))
    assert np.array_equal(image, before)


def test_masks_and_frames_of_other_sizes_may_follow_each_other() -> None:
    contract = Preprocess((Resize((8, 8), "letterbox", "bilinear", 0),))
    draw = Overlay(contract, PALETTE)
    for size, side in (((20, 30), 8), ((30, 20), 8), ((30, 20), 4), ((20, 30), 8)):
        image, mask = frame(*size), np.random.default_rng(2).integers(0, 3, (side, side), np.uint8)

        assert np.array_equal(draw(image, mask), Overlay(contract, PALETTE)(image, mask))


def test_drawing_makes_no_array_of_the_frames_size() -> None:
    contract = Preprocess((Resize((64, 64), "squash", "bilinear"),))
    image = frame(240, 320)
    masks = [np.random.default_rng(3).integers(0, 3, (64, 64), np.uint8) for _ in range(4)]
    for moved, mask in enumerate(masks):  # an object that moves and grows
        mask[: 10 * moved], mask[:, 60 - 10 * moved :] = 0, 0
    draw = Overlay(contract, PALETTE)
    draw(image, masks[0])

    tracemalloc.start()
    for index in range(200):
        draw(image, masks[index % len(masks)])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 16384  # row and column numbers; one plane of the frame has 76800
