"""Superpixels cover a picture without gaps and follow its edges."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.discovery.regions.region_maps import RegionMaps, encode, is_region
from edgevision.discovery.regions.region_set import CUT_SIDE, INSIDE, cut_out
from edgevision.discovery.regions.superpixels import LONGEST_SIDE, at_size, superpixels, working_copy
from edgevision_runtime.errors import DataError
from tests.edgevision.discovery.regions.scenes import scene


def test_they_are_numbered_without_gaps_and_follow_edges() -> None:
    picture, mask = scene(3)

    labels = superpixels(picture, 60)

    assert labels.shape == mask.shape
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    assert 40 <= labels.max() + 1 <= 90
    counts = np.zeros((labels.max() + 1, 3), int)
    np.add.at(counts, (labels, mask), 1)
    assert counts.max(axis=1).sum() / counts.sum() > 0.97  # of a grid of 60 squares it is 0.94


def test_the_same_picture_gives_the_same_ones() -> None:
    picture, _ = scene(1)

    assert np.array_equal(superpixels(picture, 50), superpixels(picture.copy(), 50))


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (8, 8), (5, 200)])
def test_tiny_pictures_have_few(size: tuple[int, int]) -> None:
    labels = superpixels(np.zeros((*size, 3), np.uint8), 200)

    assert labels.shape == size
    assert labels.max() + 1 <= max(1, size[0] * size[1] // 4)


def test_large_pictures_are_divided_small_and_masked_at_their_size() -> None:
    picture = np.zeros((900, 1200, 3), np.uint8)

    small = working_copy(picture)

    assert small.shape == (240, LONGEST_SIDE, 3)
    assert at_size(superpixels(small, 30), 900, 1200).shape == (900, 1200)


def test_maps_come_back_as_they_were_and_strangers_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    labels = superpixels(scene(0)[0], 30)
    names = [f"a/b.png@{number}" for number in range(labels.max() + 1)]
    path = tmp_path_factory.mktemp("maps") / "regions.zip"
    RegionMaps.of(names, [encode(labels)]).save(path)

    found = RegionMaps.load(path, names)

    assert found.pictures == ("a/b.png",)
    assert np.array_equal(found.labels("a/b.png"), labels)
    with pytest.raises(DataError, match="maps of 1 pictures, the names are those of 2"):
        RegionMaps.load(path, [*names, "c.png@0"])


def test_names_of_regions_are_told_from_those_of_pictures() -> None:
    assert is_region("a/b.png@12")
    assert is_region("clips/a.mp4#120@3")
    assert not is_region("a/b@2x.png")


def test_a_cut_shows_the_region_outlined_with_what_is_around_it() -> None:
    picture, _ = scene(2)
    inside = np.zeros(picture.shape[:2], bool)
    inside[10:16, 20:28] = True

    cut = cut_out(picture, inside)

    assert max(cut.shape[:2]) >= CUT_SIDE
    rows, columns = np.nonzero((cut == INSIDE).all(axis=-1))
    share = (np.ptp(rows) + 1) / cut.shape[0], (np.ptp(columns) + 1) / cut.shape[1]
    assert share == (pytest.approx(6 / 40, abs=0.03), pytest.approx(8 / 40, abs=0.03))  # 5 times its longer side


def test_a_region_at_the_border_is_cut_within_the_picture() -> None:
    picture, _ = scene(2)
    inside = np.zeros(picture.shape[:2], bool)
    inside[:4, 76:] = True

    assert cut_out(picture, inside).shape[0] == cut_out(picture, inside).shape[1]
