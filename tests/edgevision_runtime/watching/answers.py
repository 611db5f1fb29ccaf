"""Hand-made answers: what a model could have said of frames that nobody captured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.operations import Operation, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import Classification, Frame, ModelSpec, Segmentation, Stages
from edgevision_runtime.watching.rules import EventRules
from edgevision_runtime.watching.settings import Condition, EventSettings, Smoothing, Zone

LIGHTS = ("red", "yellow", "green")
STREET = ("background", "person", "car")
WALL_CLOCK_AT_0 = 1_700_000_000.0  # time.time() when the camera's clock stood at 0
NOT_SMOOTHED = Smoothing(time_constant_s=0.0)
IMAGE = np.zeros((100, 200, 3), np.uint8)


def light_spec(labels: tuple[str, ...] = LIGHTS) -> ModelSpec:
    return ModelSpec("classify", labels, Preprocess((Resize((10, 20), "squash", "bilinear"),)), Postprocess("classify"))


def street_spec(*operations: Operation) -> ModelSpec:
    """Without operations: the whole frame, squashed to a mask of 10 × 10."""
    contract = Preprocess(operations or (Resize((10, 10), "squash", "bilinear"),))
    return ModelSpec("segment", STREET, contract, Postprocess("segment"))


LIGHT_SPEC, STREET_SPEC = light_spec(), street_spec()


def frame(at_s: float, index: int, image: np.ndarray = IMAGE) -> Frame:
    return Frame(image, index, at_s, "test")


def scored(at_s: float, scores: Sequence[float], *, index: int = 0, spec: ModelSpec = LIGHT_SPEC) -> Result:
    """A classifier's answer to a frame captured at `at_s`."""
    answer = Classification(index, at_s, 0.0, 0.0, Stages(0, 0, 0), np.array(scores, np.float32), spec.labels)
    return Result(frame(at_s, index), answer, spec, "lights 1.0.0", "gate", WALL_CLOCK_AT_0 + at_s)


def masked(
    at_s: float, mask: Any, *, index: int = 0, spec: ModelSpec = STREET_SPEC, image: np.ndarray = IMAGE
) -> Result:
    """A segmenter's answer."""
    mask = np.asarray(mask, np.uint8)
    window = spec.preprocess.window(mask.shape, *image.shape[:2])
    answer = Segmentation(index, at_s, 0.0, 0.0, Stages(0, 0, 0), mask, spec.labels, window)
    return Result(frame(at_s, index, image), answer, spec, "street 1.0.0", "gate", WALL_CLOCK_AT_0 + at_s)


def certain(label: str, score: float = 1.0) -> list[float]:
    """Scores with this one for a light, the rest shared by the other two."""
    scores = [(1 - score) / 2] * 3
    scores[LIGHTS.index(label)] = score
    return scores


def rules_of(
    *conditions: Condition,
    smoothing: Smoothing = NOT_SMOOTHED,
    zones: tuple[Zone, ...] = (),
    spec: ModelSpec = LIGHT_SPEC,
    longest_gap_s: float = 5.0,
) -> EventRules:
    return EventRules(EventSettings(conditions, smoothing, zones, longest_gap_s), spec.labels, spec.task)


def watch(rules: EventRules, answers: Sequence[tuple[float, Sequence[float]]]) -> list[Event]:
    """Observe (seconds, scores) one after the other, as frames 0, 1, 2 …"""
    return [
        event
        for index, (at_s, scores) in enumerate(answers)
        for event in rules.observe(scored(at_s, scores, index=index))
    ]


def told(events: Sequence[Event]) -> list[tuple[float, str, str]]:
    """(seconds on the camera's clock, what, phase) of each event."""
    return [(round(event.at - WALL_CLOCK_AT_0, 3), event.name, event.phase) for event in events]
