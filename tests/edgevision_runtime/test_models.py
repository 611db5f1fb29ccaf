"""A model is exchanged between two frames: none is lost, none is answered by a closed one, the old one is freed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras.clock import REAL_CLOCK
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.models import LoadedModel, ModelSlot, load_model
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import Channel, run_pipeline
from edgevision_runtime.predictor import choose
from edgevision_runtime.status import CameraStatus
from edgevision_runtime.types import Frame
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.loop import Collector, model_of


class CountingCamera:
    """Delivers as many frames as it is told, and waits for each to be taken."""

    is_live = False
    total = None
    clock = REAL_CLOCK
    fps = None

    def __init__(self, count: int) -> None:
        self.count = count
        self.unreadable: list[str] = []

    def stop(self) -> None:
        """It ends by itself."""

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            yield Frame(networks.frame_of(200, 40, 40), index, time.monotonic(), "test")

    def __enter__(self) -> CountingCamera:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class Exchanger:
    """An observer that offers another model at certain frames, as whoever watches the bundle does."""

    def __init__(self, slot: ModelSlot, offers: dict[int, LoadedModel]) -> None:
        self.slot, self.offers = slot, offers

    def write(self, result: Result) -> None:
        if result.frame.index in self.offers:
            self.slot.offer(self.offers[result.frame.index])

    def tell(self, event: Event) -> None:
        pass


def load(bundle: Bundle, variant: str, workers: int = 1) -> LoadedModel:
    return load_model(bundle, choose(bundle, variant=variant), workers=workers)


def is_closed(loaded: LoadedModel, worker: int = 0) -> bool:
    engine = loaded.predictors[worker].engine
    inner = getattr(engine, "_interpreter", None) or getattr(engine, "_session", None)
    return inner is None


def test_a_model_is_exchanged_without_losing_a_frame_and_the_old_one_is_freed(colour_bundle: Bundle) -> None:
    first, second = load(colour_bundle, "float32.tflite"), load(colour_bundle, "float32.onnx")
    slot, sink = ModelSlot(first), Collector()
    channel = Channel(CountingCamera(40), [slot], CameraStatus("camera", "test"), policy="every")

    with slot:
        run_pipeline([channel], Outputs([sink], [Exchanger(slot, {19: second})]))
        assert (is_closed(first), is_closed(second)) == (True, False)

    assert sink.indices == list(range(40))
    assert is_closed(second)


def test_offers_faster_than_frames_free_what_nobody_came_to_use(colour_bundle: Bundle) -> None:
    models = [load(colour_bundle, "float32.tflite") for _ in range(4)]
    slot = ModelSlot(models[0])

    for loaded in models[1:]:
        slot.offer(loaded)
    used = slot.take(0)

    assert used is models[3]
    assert [is_closed(loaded) for loaded in models] == [True, True, True, False]


def test_each_worker_leaves_the_old_model_at_its_own_next_frame(colour_bundle: Bundle) -> None:
    old, new = load(colour_bundle, "float32.tflite", 2), load(colour_bundle, "float32.tflite", 2)
    slot = ModelSlot(old)

    slot.offer(new)
    slot.take(1)

    assert (is_closed(old, 0), is_closed(old, 1)) == (False, True)  # worker 0 may still be at its frame


def test_a_model_loaded_for_another_number_of_workers_is_refused(colour_bundle: Bundle) -> None:
    with model_of(colour_bundle) as slot, pytest.raises(ValueError, match="loaded for 2 workers, needed for 1"):
        slot.offer(load(colour_bundle, "float32.tflite", 2))


def test_two_workers_answer_each_camera_in_order(colour_bundle: Bundle) -> None:
    sink = Collector()
    with model_of(colour_bundle, workers=2) as slot:
        channels = [
            Channel(CountingCamera(30), [slot], CameraStatus(name, "test"), policy="every") for name in ("a", "b", "c")
        ]
        summary = run_pipeline(channels, Outputs([sink]), workers=2)

    by_camera = {name: [r.frame.index for r in sink.results if r.camera == name] for name in ("a", "b", "c")}
    assert by_camera == {name: list(range(30)) for name in ("a", "b", "c")}
    assert summary.total("inferred") == 90
