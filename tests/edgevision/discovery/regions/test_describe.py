"""What is said of a region is said of it alone: means over its pixels, whatever the maps' resolution."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.discovery.keras_backbone import KerasBackbone, without_head
from edgevision.discovery.regions.dense_maps import DenseMaps
from edgevision.discovery.regions.describe import RegionDescriber, TextureMaps, balanced, pooled
from edgevision.discovery.regions.superpixels import superpixels
from edgevision.training.architectures import ArchitectureOptions, build
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from tests.edgevision.discovery.regions.scenes import scene


def halves(height: int, width: int) -> np.ndarray:
    labels = np.zeros((height, width), np.uint16)
    labels[:, width // 2 :] = 1
    return labels


def test_maps_of_the_same_resolution_are_averaged_over_each_region() -> None:
    maps = np.arange(24, dtype=np.float32).reshape(4, 6, 1)

    found = pooled(maps, halves(4, 6))

    assert found[:, 0].tolist() == [maps[:, :3].mean(), maps[:, 3:].mean()]


def test_coarse_maps_are_read_between_their_places() -> None:
    maps = np.array([[[0.0], [8.0]]], np.float32)  # one place for each half of a picture 8 pixels wide

    found = pooled(maps, halves(4, 8))

    assert found[:, 0].tolist() == pytest.approx([1.0, 7.0])  # pixels at 0, 0, 1, 3 and 5, 7, 8, 8


def test_place_and_colour_are_those_of_the_region() -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 20:] = 255

    found = RegionDescriber(TextureMaps())(picture, halves(20, 40))

    lightness, down, across = found[:, 20], found[:, -2], found[:, -1]  # behind ten numbers of texture at two scales
    assert lightness.tolist() == pytest.approx([0, 100], abs=0.1)
    assert down.tolist() == pytest.approx([0.5, 0.5])
    assert across.tolist() == pytest.approx([0.25, 0.75])


def test_the_texture_tells_stripes_by_their_direction() -> None:
    stripes = np.zeros((32, 64, 3), np.uint8)
    stripes[:, :32][:, ::8] = stripes[:, :32][:, 1::8] = 200
    stripes[:, 32:][::8] = stripes[:, 32:][1::8] = 200

    found = RegionDescriber(TextureMaps())(stripes, halves(32, 64))

    assert found[0, :9].argmax() in (0, 8)  # gradients across
    assert found[1, :9].argmax() == 4  # gradients down


def test_grey_pictures_are_not_told_apart_by_the_rounding_of_their_colour() -> None:
    down, across = np.indices((40, 60))
    grey = np.repeat((2 * down + 2 * across)[..., None], 3, axis=2).astype(np.uint8)
    features = RegionDescriber(TextureMaps())(grey, superpixels(grey, 40))

    spread = (features @ balanced(features, "untouched").kernel).std(axis=0)

    green_red, blue_yellow = spread[-7], spread[-6]
    assert max(green_red, blue_yellow) < 0.05
    assert spread[-8] == pytest.approx(2, rel=1e-3)  # mean lightness counts double


def test_many_numbers_become_as_many_directions_as_asked_for_and_the_few_of_texture_stay() -> None:
    picture, _ = scene(0)
    describer = RegionDescriber(TextureMaps())
    features = describer(picture, superpixels(picture, 60))

    as_of_texture, as_of_a_network = balanced(features, describer.weighing, 5), balanced(features, "equal", 5)

    assert as_of_texture.bias.shape == (20 + 8,)  # colour and place are eight
    assert as_of_a_network.bias.shape == (5 + 8,)


def test_a_network_describes_regions_by_its_maps_at_any_size() -> None:
    contract = Preprocess((Resize((32, 32), "squash", "bilinear"), Color("rgb")))
    model = build("mobilenet_v2", ArchitectureOptions((32, 32, 3), 10, width=0.1))
    backbone = KerasBackbone(without_head(model, "mobilenet_v2"), contract, "untrained")
    picture, _ = scene(0)  # 60 × 80: no network of 32 × 32 takes it as it is
    labels = superpixels(picture, 30)

    maps = DenseMaps(backbone)

    assert [found.shape[:2] for found in maps(picture)] == [(8, 8), (4, 4)]  # of 64 × 64: no more than doubled
    assert RegionDescriber(maps)(picture, labels).shape[0] == labels.max() + 1
    assert maps.fingerprint == backbone.fingerprint
