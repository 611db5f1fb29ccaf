"""How Home Assistant learns of this device: one document under `homeassistant/device/…/config` (MQTT discovery)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgevision_runtime import __version__
from edgevision_runtime.messages import Event
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.sinks.mqtt_address import DISCOVERY_PREFIX
from edgevision_runtime.sinks.slugs import slug


class Introduction:
    """The document; grows when events are seen for the first time, because each gets a switch to be seen."""

    def __init__(self, base: str, setup: SinkSetup) -> None:
        self._base, self._setup = base, setup
        self._id = f"edgevision_{slug(base)}"
        self._seen: dict[str, tuple[str, Event]] = {}  # by topic: the camera's slug, the first event
        self.topic = f"{DISCOVERY_PREFIX}/device/{self._id}/config"

    def learn(self, topic: str, camera: str, event: Event) -> bool:
        """Remember the topic of an event that lasts; whether it is new."""
        is_new = topic not in self._seen
        self._seen.setdefault(topic, (camera, event))
        return is_new

    def of(self, cameras: Mapping[str, str]) -> dict[str, Any]:
        """The document for cameras given as slug → name."""
        components = {"status": self._status()}
        for camera, name in cameras.items():
            components.update(self._of_camera(camera, name))
        for topic, (camera, event) in self._seen.items():
            key = f"{camera}_{topic.rpartition('/')[2]}"
            components[key] = self._of_event(key, topic, event)
        return {
            "device": {
                "identifiers": [self._id],
                "name": self._base.rpartition("/")[2],
                "manufacturer": "edgevision",
                "model": self._setup.model,
                "sw_version": __version__,
            },
            "origin": {"name": "edgevision", "sw_version": __version__},
            "components": components,
            "qos": 1,
        }

    def _status(self) -> dict[str, Any]:
        return {
            "platform": "binary_sensor",
            "name": "Status",
            "unique_id": f"{self._id}_status",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": f"{self._base}/status",
            "payload_on": "online",
            "payload_off": "offline",
        }

    def _of_camera(self, camera: str, name: str) -> dict[str, dict[str, Any]]:
        state, key = f"{self._base}/{camera}/state", camera
        measured = {"state_class": "measurement"}
        diagnostic = {**measured, "entity_category": "diagnostic"}
        percent = {**measured, "unit_of_measurement": "%"}
        kinds: dict[str, tuple[str, str, dict[str, Any]]] = {}
        if self._setup.task == "classify":
            kinds["label"] = ("label", "value_json.label", {"icon": "mdi:eye"})
            kinds["score"] = ("score", "(value_json.score * 100) | round(1)", percent)
        else:
            for label in self._setup.labels:
                value = f"(value_json.shares[{label!r}] * 100) | round(1)"
                kinds[f"share_{slug(label)}"] = (f"share of {label}", value, percent)
        kinds["fps"] = ("frames per second", "value_json.fps", {**diagnostic, "unit_of_measurement": "fps"})
        age = {**diagnostic, "unit_of_measurement": "ms", "device_class": "duration"}
        kinds["age"] = ("age of the answer", "value_json.age_ms", age)
        sensors = {
            f"{key}_{kind}": {
                "platform": "sensor",
                "name": f"{name} {title}",
                "unique_id": f"{self._id}_{key}_{kind}",
                "state_topic": state,
                "value_template": "{{ " + value + " }}",
                **self._availability(),
                **more,
            }
            for kind, (title, value, more) in kinds.items()
        }
        connection = {
            **self._switch(f"{key}_connection", f"{name} connection", f"{self._base}/{camera}/connection"),
            "device_class": "connectivity",
            "entity_category": "diagnostic",
        }
        return {**sensors, f"{key}_connection": connection}

    def _of_event(self, key: str, topic: str, event: Event) -> dict[str, Any]:
        return self._switch(key, f"{event.camera} {event.kind} {event.name}", topic)

    def _switch(self, key: str, name: str, topic: str) -> dict[str, Any]:
        return {
            "platform": "binary_sensor",
            "name": name,
            "unique_id": f"{self._id}_{key}",
            "state_topic": topic,
            **self._availability(),
        }

    def _availability(self) -> dict[str, Any]:
        return {"availability_topic": f"{self._base}/status"}  # whose payloads are Home Assistant's defaults
