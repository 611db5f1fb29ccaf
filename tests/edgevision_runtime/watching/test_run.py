"""From a camera that fails to events: the loop, a model, the gate and the rules together, by a virtual clock."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras import open_camera
from edgevision_runtime.cameras.events import CameraEvent
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.messages import BEGAN, ENDED, Event
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import Channel, run_pipeline
from edgevision_runtime.status import CameraStatus
from edgevision_runtime.watching.settings import Condition, EventSettings, MotionSettings, WatchSettings
from edgevision_runtime.watching.watch import Watch
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.loop import Collector, model_of

EVERY_LABEL = WatchSettings(EventSettings())
COLOURS = {"red": (220, 30, 30), "green": (30, 220, 30)}


@pytest.fixture(scope="module")
def lights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 pictures: 50 red ones, then 50 green ones, of which each tenth is blue."""
    folder = tmp_path_factory.mktemp("lights")
    for number in range(100):
        strengths = COLOURS["red" if number < 50 else "green"] if number % 10 != 5 else (30, 30, 220)
        cv2.imwrite(str(folder / f"{number:03}.png"), networks.frame_of(*strengths))
    return folder


def run(bundle: Bundle, source: str, settings: WatchSettings) -> Collector:
    """Every event of a run over a fake camera; the camera's own are told to the watch alone."""
    sink = Collector()
    outputs = Outputs([sink])
    watches: list[Watch] = []

    def hear(happened: CameraEvent) -> None:
        for event in (event for watch in watches for event in watch.hear(happened)):
            outputs.tell(event)

    with model_of(bundle) as model, open_camera(source, options=CameraOptions(on_event=hear)) as camera:
        watch = Watch(settings, [model.present.spec], "gate", camera.clock.monotonic)
        watches.append(watch)
        status = CameraStatus("gate", "test")
        run_pipeline([Channel(camera, [model], status, "every", None, watch.gate, watch.rules)], outputs)
    return sink


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.name, event.phase) for event in events]


def test_a_light_that_changes_is_told_once_each_time_and_wrong_answers_are_not(
    colour_bundle: Bundle, lights: Path
) -> None:
    events = run(colour_bundle, f"fake://{lights}?fps=10&duration=20s", EVERY_LABEL).events

    one_round = [("red", BEGAN), ("red", ENDED), ("green", BEGAN), ("green", ENDED)]
    assert told(events) == one_round * 2
    assert [round(event.detail["duration_s"]) for event in events if event.phase == ENDED] == [5, 5, 5, 4]
    assert events[-1].detail["reason"] == "end of run"


def test_the_same_faults_give_the_same_events(colour_bundle: Bundle, lights: Path) -> None:
    source = f"fake://{lights}?fps=10&duration=60s&drop=0.1&jitter=30ms&stall=3s@8/20&disconnect=4s@15&seed=7"

    first, second = (run(colour_bundle, source, EVERY_LABEL).events for _ in range(2))

    assert "gap" in [event.detail.get("reason") for event in first]
    assert told(first) == told(second)
    assert [event.detail for event in first] == [event.detail for event in second]


def test_what_a_stall_interrupts_ends_with_it_and_begins_anew(colour_bundle: Bundle, lights: Path) -> None:
    settings = WatchSettings(EventSettings((Condition("red", for_s=0.2),)))

    events = run(colour_bundle, f"fake://{lights}?fps=10&duration=9s&stall=2s@2", settings).events

    assert told(events) == [("red", BEGAN), ("red", ENDED)] * 2  # seconds 0 to 2 and 4 to 5
    assert [event.detail.get("reason") for event in events] == [None, "gap", None, "score"]
    assert events[1].detail["duration_s"] == pytest.approx(1.9 - 0.2)


def test_the_model_rests_while_nothing_moves(colour_bundle: Bundle, tmp_path: Path) -> None:
    for number in range(40):
        strengths = COLOURS["red" if number < 30 else "green"]
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), networks.frame_of(*strengths))
    settings = WatchSettings(None, MotionSettings(refresh_s=2.0))

    sink = run(colour_bundle, f"fake://{tmp_path}?fps=10&duration=4s", settings)

    assert sink.indices == [0, 20, 30]  # the first one, one after two seconds, the one in which something happened
    assert told(sink.events)[:2] == [("still", BEGAN), ("still", ENDED)]
    assert sink.events[1].detail == {"reason": "motion", "skipped": 28, "duration_s": 1.8}
