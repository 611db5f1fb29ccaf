import dataclasses

import cv2
import numpy as np

from edgevision.data import duplicates
from edgevision.data.dataset import Dataset, Sample
from edgevision.data.duplicates import hash_thumbnails, near_duplicates, thumbnail


def _scene(seed, height=48, width=64):
    """A smooth picture of a few blobs, different for every seed."""
    noise = np.random.default_rng(seed).random((6, 8, 3)).astype(np.float32) * 255
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def _dataset(tmp_path, pictures):
    samples = []
    for name, (split, image) in pictures.items():
        cv2.imwrite(str(tmp_path / name), image)
        samples.append(Sample(tmp_path / name, label=0, split=split))
    return Dataset("classify", ("any",), tuple(samples), (), tmp_path)


def test_a_planted_near_duplicate_is_found_and_nothing_else(tmp_path):
    pictures = {f"{seed:02d}.png": ("train" if seed < 15 else "val", _scene(seed)) for seed in range(25)}
    recompressed = cv2.imdecode(cv2.imencode(".jpg", _scene(3), [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    smaller = cv2.resize(recompressed, (40, 30), interpolation=cv2.INTER_AREA)
    brighter = (smaller.astype(np.int16) + 12).clip(0, 255).astype(np.uint8)
    pictures["planted.png"] = ("test", brighter)

    found = near_duplicates(_dataset(tmp_path, pictures))

    assert [(pair.first.image.name, pair.second.image.name) for pair in found] == [("03.png", "planted.png")]
    assert found[0].distance <= 4


def test_copies_within_one_split_are_no_leak(tmp_path):
    dataset = _dataset(tmp_path, {"a.png": ("train", _scene(1)), "b.png": ("train", _scene(1))})

    assert near_duplicates(dataset) == []


def test_every_pair_of_splits_is_compared(tmp_path):
    dataset = _dataset(tmp_path, {f"{split}.png": (split, _scene(1)) for split in ("train", "val", "test")})

    pairs = {(pair.first.split, pair.second.split) for pair in near_duplicates(dataset)}

    assert pairs == {("train", "val"), ("train", "test"), ("val", "test")}


def test_samples_without_a_split_are_left_alone(tmp_path):
    dataset = _dataset(tmp_path, {"a.png": ("train", _scene(1)), "b.png": ("test", _scene(1))})
    unsplit = dataclasses.replace(dataset, samples=tuple(dataclasses.replace(s, split=None) for s in dataset.samples))

    assert near_duplicates(unsplit) == []


def test_hashes_of_different_scenes_are_far_apart():
    hashes = hash_thumbnails(np.stack([thumbnail(_scene(seed)) for seed in range(20)])).tolist()

    distances = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]

    assert min(distances) > 8  # twice the limit; 32 is what chance gives


def test_close_hashes_of_pictures_that_do_not_correlate_are_no_duplicates(tmp_path):
    dataset = _dataset(tmp_path, {"a.png": ("train", _scene(1)), "b.png": ("test", _scene(2))})

    assert near_duplicates(dataset, max_distance=64) == []  # any hash will do, the thumbnails decide


def test_a_set_that_leaks_everywhere_is_cut_short(tmp_path, monkeypatch):
    monkeypatch.setattr(duplicates, "MOST_PAIRS", 5)
    dataset = _dataset(tmp_path, {f"{i}.png": ("train" if i % 2 else "test", _scene(1)) for i in range(10)})

    assert len(near_duplicates(dataset)) == 5


def test_hashes_fit_a_pinned_value():
    """A ramp from left to right: its energy lies in the first row of the transform, the same on every machine."""
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, :], 32, axis=0)

    (value,) = hash_thumbnails(ramp[None]).tolist()

    assert value >> 63 == 1  # the mean
    assert (value >> 62) & 1 == 0  # the first cosine falls where the ramp rises
