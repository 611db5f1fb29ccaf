"""A still picture needs no model; noise and flicker are no motion, and what changes slowly is noticed in the end."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgevision_runtime.messages import BEGAN, ENDED
from edgevision_runtime.watching.motion import MotionGate, block_means
from edgevision_runtime.watching.settings import MotionSettings
from tests.edgevision_runtime.watching.answers import frame

generator = np.random.default_rng(11)
SCENE = cv2.GaussianBlur(generator.integers(0, 256, (360, 640, 3), np.uint8), (0, 0), 9)
AS_SHIPPED = MotionSettings()
SCENE = cv2.normalize(SCENE, None, 40, 200, cv2.NORM_MINMAX)


def with_object(size: int, level: int = 255, channel: int | None = None) -> np.ndarray:
    scene = SCENE.copy()
    place = scene[100 : 100 + size, 200 : 200 + size]
    (place if channel is None else place[..., channel])[...] = level
    return scene


def noisy(image: np.ndarray, deviation: float) -> np.ndarray:
    return np.clip(image + generator.normal(0, deviation, image.shape), 0, 255).astype(np.uint8)


def stillness(images: list[np.ndarray], settings: MotionSettings = AS_SHIPPED, fps: float = 10) -> list[bool]:
    gate = MotionGate(settings)
    return [gate.is_still(frame(number / fps, number, image)) for number, image in enumerate(images)]


def test_the_first_frame_is_inferred_and_the_same_picture_is_skipped() -> None:
    assert stillness([SCENE, SCENE, SCENE]) == [False, True, True]


def test_an_object_that_comes_and_goes_is_motion_both_times() -> None:
    assert stillness([SCENE, with_object(40), with_object(40), SCENE]) == [False, False, True, False]


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_lamp_of_any_colour_is_motion(channel: int) -> None:
    assert stillness([with_object(40, 0, channel), with_object(40, 255, channel)]) == [False, False]


@pytest.mark.parametrize("deviation", [3, 8, 14])
def test_sensor_noise_is_no_motion(deviation: float) -> None:
    images = [noisy(SCENE, deviation) for _ in range(10)]

    assert stillness(images) == [False] + [True] * 9


@pytest.mark.parametrize("deviation", [3, 8])
def test_an_object_is_seen_through_noise(deviation: float) -> None:
    assert stillness([noisy(SCENE, deviation), noisy(with_object(40), deviation)]) == [False, False]


def test_brightness_that_flickers_is_no_motion_and_light_that_goes_on_is() -> None:
    flicker = [np.clip(SCENE.astype(int) + step, 0, 255).astype(np.uint8) for step in (0, 12, -9, 15, 0)]
    light = np.clip(SCENE.astype(int) + 50, 0, 255).astype(np.uint8)

    assert stillness([*flicker, light]) == [False, True, True, True, True, False]


def test_a_camera_that_is_pushed_is_motion() -> None:
    assert stillness([SCENE, np.roll(SCENE, 30, axis=1)]) == [False, False]


def test_slow_drift_adds_up_because_the_last_inferred_frame_is_what_counts() -> None:
    grow = [with_object(80, 100 + level) for level in range(0, 40, 2)]  # 2 levels a frame: never 10 between two frames

    result = stillness(grow)

    assert result[1:5] == [True] * 4
    assert False in result[5:]


def test_a_still_scene_is_inferred_anew_every_so_often() -> None:
    result = stillness([SCENE] * 40, MotionSettings(refresh_s=1.0))

    assert [number for number, is_still in enumerate(result) if not is_still] == [0, 10, 20, 30]


def test_the_threshold_is_the_share_of_the_picture_that_moves() -> None:
    images = [SCENE, with_object(40)]  # 40 × 40 of 640 × 360 are 0.7 %

    assert stillness(images, MotionSettings(share=0.005)) == [False, False]
    assert stillness(images, MotionSettings(share=0.02)) == [False, True]


def test_another_frame_size_is_inferred() -> None:
    assert stillness([SCENE, cv2.resize(SCENE, (320, 180))]) == [False, False]


@pytest.mark.parametrize("shape", [(720, 1280), (1080, 1920), (480, 640), (64, 64), (12, 16), (1, 1), (1280, 720)])
def test_every_frame_size_has_the_same_blocks(shape: tuple[int, int]) -> None:
    assert block_means(np.full((*shape, 3), 77, np.uint8)).tolist() == [[77] * 64] * 36


def test_a_part_of_a_larger_picture_is_compared_as_its_copy() -> None:
    part = SCENE[10:250, 20:500]

    assert (block_means(part) == block_means(part.copy())).all()


def test_the_gate_says_when_stillness_began_and_how_many_frames_it_skipped() -> None:
    gate = MotionGate(MotionSettings())
    events = []

    for number, image in enumerate([SCENE] * 20 + [with_object(40)] + [SCENE]):
        gate.is_still(frame(number / 10, number, image))
        events += [(number, event) for event in gate.changes("gate", 1000.0 + number / 10)]

    assert [(number, event.kind, event.name, event.phase) for number, event in events] == [
        (11, "motion", "still", BEGAN),  # since frame 1, told after a second
        (20, "motion", "still", ENDED),
    ]
    assert events[1][1].detail == {"reason": "motion", "skipped": 19, "duration_s": 0.9}
    assert (events[1][1].at, events[1][1].camera, gate.skipped) == (1002.0, "gate", 19)


def test_a_refresh_does_not_end_the_stillness() -> None:
    gate = MotionGate(MotionSettings(refresh_s=0.5))
    events = []

    for number in range(40):
        gate.is_still(frame(number / 10, number, SCENE))
        events += gate.changes("gate", number / 10)

    assert [event.phase for event in events] == [BEGAN]
    assert events[0].detail == {"refresh_s": 0.5}


def test_after_a_gap_the_next_frame_is_inferred_and_the_stillness_is_over() -> None:
    gate = MotionGate(MotionSettings())
    for number in range(20):
        gate.is_still(frame(number / 10, number, SCENE))
        gate.changes("gate", number / 10)

    events = gate.forget("gate", 9.0, "gap")

    assert [(event.phase, event.detail["reason"]) for event in events] == [(ENDED, "gap")]
    assert not gate.is_still(frame(2.1, 21, SCENE))
    assert gate.forget("gate", 9.0, "end of run") == []
