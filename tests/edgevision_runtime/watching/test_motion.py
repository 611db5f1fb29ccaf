"""A still picture needs no model; noise and flicker are no motion, and what changes slowly is noticed in the end."""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from edgevision_runtime.messages import BEGAN, ENDED, Event
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
    gate = MotionGate(settings, "gate")
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


def gate_at(now: list[float], settings: MotionSettings = AS_SHIPPED) -> MotionGate:
    """A gate whose camera's clock shows `now[0]`."""
    return MotionGate(settings, "gate", lambda: now[0])


def look(gate: MotionGate, now: list[float], images: Sequence[np.ndarray], from_number: int = 0) -> list[Event]:
    """Show it 10 frames a second, each a moment after its capture."""
    events = []
    for number, image in enumerate(images, from_number):
        now[0] = number / 10
        gate.is_still(frame(now[0], number, image))
        events += gate.events()
    return events


def test_the_gate_says_when_stillness_began_and_how_many_frames_it_skipped() -> None:
    now = [0.0]
    gate = gate_at(now)

    began = look(gate, now, [SCENE] * 12)  # still since frame 1, told after a second
    went_on = look(gate, now, [SCENE] * 8, 12)
    ended = look(gate, now, [with_object(40), SCENE], 20)

    assert [(event.kind, event.name, event.phase, event.camera) for event in began + went_on + ended] == [
        ("motion", "still", BEGAN, "gate"),
        ("motion", "still", ENDED, "gate"),
    ]
    assert ended[0].detail == {"reason": "motion", "skipped": 19, "duration_s": 0.8}  # frames 1 to 19, 11 to 19
    assert gate.skipped == 19
    assert ended[0].at == pytest.approx(time.time(), abs=60)


def test_a_refresh_does_not_end_the_stillness() -> None:
    now = [0.0]

    events = look(gate_at(now, MotionSettings(refresh_s=0.5)), now, [SCENE] * 40)

    assert [event.phase for event in events] == [BEGAN]
    assert events[0].detail == {"refresh_s": 0.5}


def test_after_a_gap_the_next_frame_is_inferred_and_the_stillness_is_over() -> None:
    now = [0.0]
    gate = gate_at(now)
    look(gate, now, [SCENE] * 20)

    gate.look_again("gap")
    is_still = [gate.is_still(frame(2.1 + number / 10, 21 + number, SCENE)) for number in range(2)]

    assert is_still == [False, True]
    assert [(event.phase, event.detail["reason"]) for event in gate.events()] == [(ENDED, "gap")]


def test_the_end_of_a_run_ends_the_stillness() -> None:
    now = [0.0]
    gate = gate_at(now)
    look(gate, now, [SCENE] * 20)

    events = gate.settle(1234.5)

    assert [(event.phase, event.at, event.detail["reason"]) for event in events] == [(ENDED, 1234.5, "end of run")]
    assert gate.settle(1235.0) == []
