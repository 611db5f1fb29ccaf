"""Cuts are found where the embedding jumps by more than the frames around it vary, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.clustering.scenes import WINDOW, Scene, find_cuts, find_scenes
from edgevision.discovery.embeddings import Embeddings, Space, embed
from edgevision.discovery.frames import FrameItem, open_frames
from edgevision.discovery.whitening import Whitening, normalized
from tests.edgevision.discovery.clips import BRICK, MEADOW, NIGHT, write_video


def scenes_of(lengths: list[int], noise: float, drift: float = 0.0) -> np.ndarray:
    """Frames of scenes that lie along different axes, with noise and a slow change within each."""
    chance = np.random.default_rng(0)
    rows = []
    for number, length in enumerate(lengths):
        ramp = np.linspace(0, drift, length)[:, None] * np.eye(16)[15]
        rows.append(np.eye(16)[number] + ramp + chance.normal(0, noise, (length, 16)))
    return normalized(np.concatenate(rows).astype(np.float32))


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.08])
def test_cuts_are_found_to_the_frame_whatever_the_noise(noise: float) -> None:
    assert find_cuts(scenes_of([20, 9, 40, 12], noise)) == [20, 29, 69]


def test_slow_change_noise_and_a_flash_are_no_cuts() -> None:
    quiet = scenes_of([100], noise=0.05, drift=1.0)
    flash = quiet.copy()
    flash[50] = -flash[50]

    assert find_cuts(quiet) == []
    assert find_cuts(flash) == []


def test_a_scene_has_at_least_as_many_frames_as_the_window() -> None:
    cuts = find_cuts(scenes_of([20, 3, 3, 3, 20], noise=0.02))

    lengths = np.diff([0, *cuts, 49])
    assert lengths.min() >= WINDOW
    assert find_cuts(scenes_of([WINDOW, WINDOW - 1], noise=0)) == []


@pytest.mark.parametrize("model", ["pixels", "hog"])
def test_videos_fall_into_their_scenes_each_with_a_key_frame(model: str, tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi", [MEADOW, BRICK, MEADOW], frames_each=20)
    write_video(tmp_path / "b.avi", [NIGHT, BRICK], frames_each=15)
    frames = open_frames(str(tmp_path))
    embeddings = embed(frames, open_backbone(model))
    assignment = np.repeat([0, 1, 0, 2, 1], [20, 20, 20, 15, 15])

    scenes = find_scenes(frames.items, embeddings, assignment)

    assert [(scene.video, scene.start_s, scene.end_s, scene.cluster) for scene in scenes] == [
        ("a.avi", 0.0, 2.0, 0), ("a.avi", 2.0, 4.0, 1), ("a.avi", 4.0, pytest.approx(6.0), 0),
        ("b.avi", 0.0, 1.5, 2), ("b.avi", 1.5, pytest.approx(3.0), 1),
    ]  # fmt: skip
    assert all(scene.keyframe in scene.positions for scene in scenes)
    assert repeats(scenes) == {2: 0, 4: 1}


def repeats(scenes: tuple[Scene, ...]) -> dict[int, int]:
    return {scene.number: scene.same_as for scene in scenes if scene.same_as is not None}


def test_pictures_are_no_scenes(digits_folder: Path) -> None:
    frames = open_frames(str(digits_folder / "1"))
    embeddings = embed(frames, open_backbone("pixels"))

    assert find_scenes(frames.items, embeddings, np.zeros(len(frames.items), np.int64)) == ()


def test_scenes_of_different_things_are_never_called_the_same_though_each_varies_much() -> None:
    chance = np.random.default_rng(0)
    rows = np.repeat(np.eye(16)[:6], 12, axis=0) + chance.normal(0, 0.25, (72, 16))
    vectors = normalized(rows.astype(np.float32))
    items = [FrameItem(f"a.avi#{frame}", Path("a.avi"), frame, frame / 10) for frame in range(72)]
    names = tuple(item.name for item in items)
    whitening = Whitening.none(16)
    embeddings = Embeddings(vectors, names, Space("a net", "", ""), "a.avi", whitening)

    scenes = find_scenes(items, embeddings, np.zeros(72, np.int64))

    assert repeats(scenes) == {}
