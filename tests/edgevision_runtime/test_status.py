"""What is known of a run: the latest answers, the events that matter, the model that answers now."""

from __future__ import annotations

from pathlib import Path

from edgevision_runtime.cameras.events import BACKING_OFF, CONNECTING, STREAMING
from edgevision_runtime.messages import HAPPENED, Event
from edgevision_runtime.status import CameraStatus, ModelStatus, RunStatus


def camera_event(name: str, camera: str = "front", at: float = 0.0) -> Event:
    return Event("camera", name, HAPPENED, camera, at, {"reason": f"at {at:g}"})


def model(title: str) -> ModelStatus:
    return ModelStatus(title, "int8.tflite", "int8", "litert 2.3.0", "XNNPACK", "asked for", "0" * 64)


def test_a_camera_that_is_away_for_hours_leaves_room_for_other_events() -> None:
    status = RunStatus([CameraStatus("front", "rtsp://front"), CameraStatus("back", "rtsp://back")])
    status.tell(Event("label", "person", HAPPENED, "back", 0.0))

    status.tell(camera_event(STREAMING, at=1))
    for attempt in range(100):
        status.tell(camera_event(BACKING_OFF, at=2 + 2 * attempt))
        status.tell(camera_event(CONNECTING, camera="back", at=2 + 2 * attempt))
        status.tell(camera_event(CONNECTING, at=3 + 2 * attempt))

    kept = [(event.name, event.camera, event.at) for event in status.events]
    assert kept == [
        ("person", "back", 0.0),
        (STREAMING, "front", 1),
        (BACKING_OFF, "front", 200),
        (CONNECTING, "back", 200),
        (CONNECTING, "front", 201),
    ]
    assert status.cameras["front"].reconnects == 100


def test_a_second_time_away_is_told_again() -> None:
    status = RunStatus([CameraStatus("front", "rtsp://front")])

    for name in (CONNECTING, STREAMING, BACKING_OFF, CONNECTING, STREAMING, BACKING_OFF, CONNECTING):
        status.tell(camera_event(name))

    names = [event.name for event in status.events]
    assert names == [CONNECTING, STREAMING, BACKING_OFF, CONNECTING, STREAMING, BACKING_OFF, CONNECTING]


def test_the_answers_of_a_model_that_was_exchanged_are_forgotten() -> None:
    status = RunStatus([CameraStatus("front", "0")])
    status.set_model(Path("a.evb"), model("lights 1.0.0"))
    status.cameras["front"].latest["lights 1.0.0"] = None  # type: ignore[assignment]

    status.set_model(Path("a.evb"), model("lights 2.0.0"))

    assert status.cameras["front"].latest == {}
    assert [known.title for known in status.models.values()] == ["lights 2.0.0"]
    assert status.line().startswith("lights 2.0.0; front connecting")
