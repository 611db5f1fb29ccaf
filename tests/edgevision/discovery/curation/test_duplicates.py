"""Of pictures that are too alike one stays, and every other one names the one that it resembles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgevision.data.duplicates import hash_thumbnails, thumbnail
from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.curation.duplicates import HIGHEST_LIMIT, find_duplicates, limit_for, most_alike
from edgevision.discovery.curation.likeness import Likeness, tell_apart
from tests.edgevision.discovery.curation.scenes import cropped, noisy, scene


def likeness_of(angles: list[float]) -> Likeness:
    """Vectors on the unit circle, of pictures whose hashes differ."""
    radians = np.deg2rad(angles)
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
    thumbnails = np.stack([thumbnail(scene(number)) for number in range(len(angles))])
    return Likeness(thumbnails, hash_thumbnails(thumbnails), vectors)


def compared(images: list[Any]) -> tuple[Likeness, Any]:
    """(as curate compares them, positions of those that the hash takes for different)."""
    by_hash = Likeness.by_hash(np.stack([thumbnail(image) for image in images]))
    rows = np.arange(len(images))
    examples, _ = find_duplicates(by_hash, rows, [str(row) for row in rows])
    vectors = tell_apart(open_backbone("hog").features(images), examples)
    return Likeness(by_hash.thumbnails, by_hash.hashes, vectors), examples


def test_what_stays_is_never_too_alike_and_what_goes_is_like_something_that_stays() -> None:
    likeness = likeness_of([0, 10, 20, 90, 95])  # a chain: 0 is like 10, 10 like 20, 0 not like 20

    stays, found = find_duplicates(likeness, np.arange(5), "abcde", limit=float(np.cos(np.deg2rad(15))))

    assert stays.tolist() == [0, 2, 3]
    assert [(one.name, one.similar_to) for one in found] == [("b", "a"), ("e", "d")]
    assert found[0].value == pytest.approx(np.cos(np.deg2rad(10)), abs=1e-6)


def test_the_order_of_preference_decides_what_stays() -> None:
    likeness = likeness_of([0, 1, 90])

    stays, found = find_duplicates(likeness, np.array([1, 2, 0]), "abc", limit=0.9)

    assert stays.tolist() == [1, 2]
    assert [(one.name, one.similar_to) for one in found] == [("a", "b")]


def test_more_pictures_than_are_compared_at_once_are_compared_all_the_same() -> None:
    angles = [position % 300 for position in range(600)]  # each one twice, 300 rows apart
    vectors = np.eye(300, dtype=np.float32)[angles]
    hashes = np.random.default_rng(0).integers(0, 2**63, 600).astype(np.uint64)  # far apart: they say nothing
    likeness = Likeness(np.zeros((600, 32, 32), np.uint8), hashes, vectors)

    stays, found = find_duplicates(likeness, np.arange(600), [str(row) for row in range(600)])

    assert stays.tolist() == list(range(300))
    assert all(int(one.name) - 300 == int(one.similar_to) for one in found)


def test_a_cropped_recompressed_copy_is_found_among_other_pictures() -> None:
    images = [*(scene(number) for number in range(40)), cropped(scene(7))]
    likeness, examples = compared(images)

    limit = limit_for(likeness, examples)
    _, found = find_duplicates(likeness, np.arange(41), [str(row) for row in range(41)], limit)

    assert [(one.name, one.similar_to) for one in found] == [("40", "7")]
    assert 0 < limit <= HIGHEST_LIMIT


def test_frames_of_a_still_camera_are_duplicates_though_nothing_but_noise_tells_them_apart() -> None:
    views = [scene(number) for number in range(10)]
    frames = [noisy(views[number % 10], number) for number in range(100)]
    likeness, examples = compared(frames)

    stays, found = find_duplicates(likeness, np.arange(100), [str(row) for row in range(100)])

    assert stays.tolist() == list(range(10))
    assert all(int(one.name) % 10 == int(one.similar_to) for one in found)
    assert len(examples) == 10
    assert likeness.vectors is not None  # and the embedding agrees: it was not learned from the noise
    assert most_alike(likeness, 100).min() > HIGHEST_LIMIT


def test_too_few_different_pictures_leave_it_to_the_hash() -> None:
    likeness, examples = compared([noisy(scene(1), number) for number in range(20)])

    stays, _ = find_duplicates(likeness, np.arange(20), [str(row) for row in range(20)])

    assert likeness.vectors is None
    assert (len(examples), len(stays)) == (1, 1)


def test_features_that_are_all_the_same_tell_nothing_apart() -> None:
    assert tell_apart(np.ones((20, 4), np.float32), np.arange(20)) is None


@pytest.mark.parametrize("count", [30, 3])  # more pictures than features, and fewer
def test_both_ways_to_the_principal_directions_agree_with_the_plain_formula(count: int) -> None:
    features = np.random.default_rng(0).normal(size=(count * 4, 12)).astype(np.float32)
    examples = np.arange(8 if count == 3 else count)

    vectors = tell_apart(features, examples)

    scores = (features - features[examples].mean(axis=0)) / features[examples].std(axis=0)
    known = scores[examples].astype(np.float64)
    _, singular, directions = np.linalg.svd(known, full_matrices=False)
    spread = singular**2 / len(known)
    alive = spread > 1e-6 * spread.max()
    expected = scores @ directions[alive].T / np.sqrt(spread[alive] + spread[alive].mean())
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert vectors is not None
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-4)  # float32 against float64
