"""A hand-made site: two numbers of embedding around (1, 0), a grey picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgevision_runtime.messages import Result
from edgevision_runtime.noticing.picture import describe_pictures, measure_picture
from edgevision_runtime.noticing.reference import DriftReference
from edgevision_runtime.types import Frame
from tests.edgevision_runtime.sinks.messages import NOON, result

SPACE = "s"
WINDOW = 4
USUAL = np.tile(np.uint8([[[90, 90, 90], [110, 110, 110]]]), (40, 30, 1))  # mean 100, deviation 10, steps of 20


def reference(**changed: Any) -> DriftReference:
    plain = DriftReference(
        space=SPACE,
        window=WINDOW,
        every_s=None,
        frame_size=(60, 40),
        mean=np.array([1.0, 0.0]),
        precision=np.diag([100.0, 100.0]),
        centroids=np.array([[1.0, 0.0], [0.0, 1.0]]),
        shares=np.array([0.75, 0.25]),
        picture=describe_pictures(measure_picture(USUAL)[None])[0],
        thresholds=np.array([20.0, 15.0, 10.0, 0.2, 0.3, 0.2, 2.0]),
        false_alarm_rate=0.01,
        fitted_on={"source": "yard.mp4", "frames": 1000, "blocks": 10},
    )
    return replace(plain, **changed)


def seen(
    index: int, image: Any = USUAL, *, vector: tuple[float, float] = (1.0, 0.0), at_s: float | None = None
) -> Result:
    """A frame a second after the last one, with that embedding."""
    one = result(index)
    captured_s = float(index) if at_s is None else at_s
    frame = Frame(image, index, captured_s, "test")
    prediction = replace(one.prediction, make_embedding=lambda: np.array(vector, np.float32))
    return replace(one, frame=frame, prediction=prediction, space=SPACE, captured_at=NOON + captured_s)
