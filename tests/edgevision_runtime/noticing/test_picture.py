"""Light, contrast, sharpness, colour and layout of a frame: hand-made pictures, told apart as a person would."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from edgevision_runtime.noticing.picture import describe_pictures, measure_picture

CHANCE = np.random.default_rng(0)
TEXTURE = cv2.GaussianBlur(CHANCE.integers(0, 256, (480, 640, 3)).astype(np.uint8), (0, 0), 1.5)


def test_the_numbers_are_mean_deviation_and_steps_of_the_grey_levels() -> None:
    stripes = np.tile(np.uint8([[[90, 90, 90], [110, 110, 110]]]), (48, 32, 1))

    luma, contrast, sharpness = measure_picture(stripes)[:3]

    assert luma == pytest.approx(100)
    assert contrast == pytest.approx(math.log(10 + 0.5), abs=0.01)
    assert sharpness == pytest.approx(math.log(20 + 0.5))


@pytest.mark.parametrize(
    ("changed", "lighter", "contrast", "sharpness"),
    [
        (TEXTURE // 2, (-66, -62), (0.45, 0.65), (0.45, 0.65)),
        (cv2.GaussianBlur(TEXTURE, (0, 0), 3), (-2, 2), (0.3, 0.8), (0.1, 0.4)),
        (np.clip(TEXTURE + CHANCE.normal(0, 30, TEXTURE.shape), 0, 255).astype(np.uint8), (-2, 2), (1.5, 3), (2, 9)),
    ],
    ids=["darker", "out of focus", "noisy"],
)
def test_what_happened_to_a_picture_shows(
    changed: np.ndarray, lighter: tuple[float, float], contrast: tuple[float, float], sharpness: tuple[float, float]
) -> None:
    before, after = measure_picture(TEXTURE), measure_picture(changed)

    assert lighter[0] < after[0] - before[0] < lighter[1]
    assert contrast[0] < math.exp(after[1] - before[1]) < contrast[1]
    assert sharpness[0] < math.exp(after[2] - before[2]) < sharpness[1]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 1, 3), (31, 33, 3)])
def test_any_size_of_frame_has_them(shape: tuple[int, int, int]) -> None:
    assert np.isfinite(describe_pictures(measure_picture(np.zeros(shape, np.uint8))[None])).all()


def test_a_view_of_a_larger_frame_is_measured_as_its_copy() -> None:
    view = TEXTURE[100:300, 50:400]

    assert measure_picture(view).tolist() == measure_picture(view.copy()).tolist()


def test_half_the_light_has_the_same_colour_and_layout_and_a_turned_picture_another() -> None:
    slope = (np.linspace(40, 200, 640)[None, :, None] * np.float32([0.6, 1.0, 0.8])).repeat(480, axis=0)
    pictures = [slope.astype(np.uint8), (slope / 2).astype(np.uint8), np.rot90(slope).astype(np.uint8)]

    usual, dark, turned = describe_pictures(np.stack([measure_picture(picture) for picture in pictures]))

    np.testing.assert_allclose(dark[3:5], usual[3:5], atol=0.05)  # log; 4 levels are added to each channel
    np.testing.assert_allclose(dark[5:], usual[5:], atol=0.05)
    assert np.abs(turned[5:] - usual[5:]).max() > 1
