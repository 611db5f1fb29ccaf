"""Results, events and states for an MQTT broker, and an introduction to Home Assistant on request.

Below BASE: `status` (online or offline, kept by the broker), `device` (what runs here, kept), and for each camera
`CAMERA/result` (each result), `CAMERA/event` (each event), `CAMERA/state` (the present answer, kept),
`CAMERA/connection` (ON or OFF, kept) and `CAMERA/active/NAME` (ON or OFF for each label, zone or motion event, kept).
Events of the whole device are in `event`.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from typing import Any

from edgevision_runtime import __version__
from edgevision_runtime.cameras.events import STREAMING
from edgevision_runtime.messages import BEGAN, ENDED, Event, Result
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.sinks.broker import Broker
from edgevision_runtime.sinks.document import to_document
from edgevision_runtime.sinks.homeassistant import Introduction
from edgevision_runtime.sinks.mqtt_address import parse_address
from edgevision_runtime.sinks.slugs import Slugs, slug

STATE_AT_MOST_EVERY_S = 1.0  # a new answer
STATE_AT_LEAST_EVERY_S = 10.0  # the same answer, so that its numbers are fresh
LASTING = ("label", "zone", "motion", "drift")  # kinds of events that are on for a while
ON, OFF = "ON", "OFF"
ATTENDS_EVERY_S = 1.0


class MqttSink:
    """Publishes below a base topic; what is kept by the broker is published again after each new connection."""

    needs_image = False

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        assert target is not None
        self._address = parse_address(target)
        self._base, self._setup = self._address.base, setup
        self._slugs = Slugs(setup.cameras)
        self._states: dict[tuple[str, str], _State] = {}
        self._active: set[str] = set()  # topics that this run has had something to say about
        self._broker = Broker(self._address)
        self._broker.listen(f"{self._base}/+/active/+")
        self._introduction = Introduction(self._base, setup) if self._address.has_discovery else None
        self._is_introduced = False

    def write(self, result: Result) -> None:
        """Publish one result, and the state that it makes."""
        camera = self._slugs.of(result.camera)
        document = to_document(result)
        self._publish(f"{camera}/result", document, retain=self._address.keeps_results)
        self._broker.keep(f"{self._base}/{camera}/connection", ON)
        self._update(camera, result, document)

    def tell(self, event: Event) -> None:
        """Publish one event, and the states that it changes."""
        camera = self._slugs.of(event.camera) if event.camera else ""
        self._publish(f"{camera}/event" if camera else "event", to_document(event))
        if not camera:
            return
        if event.kind == "camera":
            self._broker.keep(f"{self._base}/{camera}/connection", ON if event.name == STREAMING else OFF)
        elif event.kind in LASTING and event.phase in (BEGAN, ENDED):
            self._switch(camera, event)
        if event.result is not None:
            self._update(camera, event.result, to_document(event.result))

    def attend(self) -> float:
        """Keep the connection, and switch off what an earlier run left on."""
        self._broker.ensure()
        if not self._is_introduced:
            self._introduce()
        for topic, payload in self._broker.heard().items():
            if payload == ON and topic not in self._active:
                self._broker.keep(topic, OFF)
        return ATTENDS_EVERY_S

    def close(self) -> None:
        """Say goodbye."""
        self._broker.close()

    def _publish(self, topic: str, document: dict[str, Any], *, retain: bool = False) -> None:
        if not self._is_introduced:
            self._introduce()
        self._broker.publish(f"{self._base}/{topic}", json.dumps(document, ensure_ascii=True), retain=retain)

    def _introduce(self) -> None:
        cameras = {self._slugs.of(camera): camera for camera in self._setup.cameras}
        device = {
            "model": self._setup.model,
            "task": self._setup.task,
            "labels": list(self._setup.labels),
            "cameras": cameras,
            "host": platform.node(),
            "version": __version__,
        }
        self._broker.keep(f"{self._base}/device", json.dumps(device))
        if self._introduction is not None:
            self._broker.keep(self._introduction.topic, json.dumps(self._introduction.of(cameras)))
        self._is_introduced = True

    def _switch(self, camera: str, event: Event) -> None:
        topic = f"{self._base}/{camera}/active/{event.kind}-{slug(event.name)}"
        self._active.add(topic)
        self._broker.keep(topic, ON if event.phase == BEGAN else OFF)
        if self._introduction is not None and self._introduction.learn(topic, camera, event):
            self._introduce()

    def _update(self, camera: str, result: Result, document: dict[str, Any]) -> None:
        """Publish the present answer when it is new or its numbers have become old."""
        name = slug(result.model.rpartition(" ")[0] or result.model)
        state = self._states.get((camera, name))
        if state is None:
            is_first = not any(of == camera for of, _ in self._states)
            topic = f"{self._base}/{camera}/state" if is_first else f"{self._base}/{camera}/state/{name}"
            state = self._states[camera, name] = _State(topic)
        payload = state.advance(result, document)
        if payload is not None:
            self._broker.keep(state.topic, json.dumps(payload))


@dataclass
class _State:
    """The present answer of one model about one camera, as it was last published."""

    topic: str
    answer: object = None
    at: float = 0.0  # time.time() of the result
    results: int = 0  # since then

    def advance(self, result: Result, document: dict[str, Any]) -> dict[str, Any] | None:
        """What to publish now, if anything."""
        self.results += 1
        since_s = result.captured_at - self.at
        is_first, is_new = self.at == 0.0, document.get("label") != self.answer
        is_due = since_s >= (STATE_AT_MOST_EVERY_S if is_new else STATE_AT_LEAST_EVERY_S) or since_s < 0
        if not is_due and not is_first:
            return None
        told = ("time", "model", "label", "score", "shares", "age_ms", "latency_ms")
        fps = None if is_first or since_s <= 0 else round(self.results / since_s, 1)
        self.answer, self.at, self.results = document.get("label"), result.captured_at, 0
        return {**{name: document[name] for name in told if name in document}, "fps": fps}
