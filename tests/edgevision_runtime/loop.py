"""The loop over one camera and one model, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.models import ModelSlot, load_model
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import Channel, RunLimits, run_pipeline
from edgevision_runtime.predictor import choose
from edgevision_runtime.status import CameraStatus, RunSummary


class Collector:
    """A sink that remembers."""

    needs_image = True

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.events: list[Event] = []

    @property
    def indices(self) -> list[int]:
        return [result.frame.index for result in self.results]

    def write(self, result: Result) -> None:
        self.results.append(result)

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


def model_of(bundle: Bundle, workers: int = 1) -> ModelSlot:
    return ModelSlot(load_model(bundle, choose(bundle), workers=workers))


def run_one(
    camera: Any, bundle: Bundle, sinks: Sequence[Any] = (), *, policy: str = "every", limits: RunLimits | None = None
) -> RunSummary:
    """Run a camera until its end."""
    with model_of(bundle) as model:
        channel = Channel(camera, [model], CameraStatus("camera", "test"), policy)
        return run_pipeline([channel], Outputs(sinks), limits)
