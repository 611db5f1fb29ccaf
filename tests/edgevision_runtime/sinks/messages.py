"""Hand-made results and events, for tests of sinks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.messages import BEGAN, Event, Result
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import Classification, Frame, ModelSpec, Segmentation, Stages

LABELS = ("red", "yellow", "green")
CONTRACT = Preprocess((Resize((16, 24), "squash", "bilinear"), Color("rgb")))
CLASSIFIER = ModelSpec("classify", LABELS, CONTRACT, Postprocess("classify"))
SEGMENTER = ModelSpec("segment", LABELS, CONTRACT, Postprocess("segment"))
NOON = 1767268800.0  # 2026-01-01T12:00:00Z
STAGES = Stages(1.0, 2.0, 0.5)
MODEL = "lights 1.0.0"


def result(index: int = 0, label: str = "red", score: float = 0.9, *, camera: str = "gate", at: float = NOON) -> Result:
    scores = np.full(3, (1 - score) / 2, np.float32)
    scores[LABELS.index(label)] = score
    answer = Classification(index, 1.5, 12.25, 3.5, STAGES, scores, LABELS)
    return Result(frame(index), answer, CLASSIFIER, MODEL, camera, at)


def segmentation(index: int = 0, *, camera: str = "gate", at: float = NOON) -> Result:
    """Half red, a quarter yellow, a quarter green."""
    mask = np.array([[0, 0], [1, 2]], np.uint8)
    return Result(
        frame(index), Segmentation(index, 1.5, 12.25, 3.5, STAGES, mask, LABELS), SEGMENTER, MODEL, camera, at
    )


def frame(index: int) -> Frame:
    return Frame(np.full((48, 64, 3), (index * 7) % 256, np.uint8), index, 1.5, "rtsp://***@10.0.0.7/stream")


def event(name: str = "red", phase: str = BEGAN, *, of: Result | None = None, camera: str = "gate") -> Event:
    return Event("label", name, phase, camera, NOON, {"score": 0.9}, of)


def eventually(is_so: Callable[[], object], within_s: float = 20.0) -> bool:
    """Whether something comes true; generous, because machines are busy."""
    ends_s = time.monotonic() + within_s
    while not is_so() and time.monotonic() < ends_s:
        time.sleep(0.005)
    return bool(is_so())
