"""What is known of a run at this moment: for the preview, the metrics, the watchdog and the summary at the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from edgevision_runtime.cameras.events import BACKING_OFF, CONNECTING
from edgevision_runtime.messages import BEGAN, Event, Result
from edgevision_runtime.sinks.document import to_document

KEPT_EVENTS = 50
RETRYING = (BACKING_OFF, CONNECTING)  # states that a camera which is away goes to and fro between
KEPT_LATENCIES = 1000
KEPT_TIMES = 60  # of results, for the present rate
RATE_WINDOW_S = 5.0  # after which a camera without results has a rate of zero


@runtime_checkable
class CameraCounts(Protocol):
    """What a camera counts that its frames do not show."""

    @property
    def missed(self) -> int:
        """Frames that a newer one replaced inside the camera."""
        ...

    @property
    def damaged(self) -> int:
        """Pictures that arrived damaged and were refused."""
        ...


@dataclass
class CameraStatus:
    """One camera: counts since the start, its state, its latest answers. Each field is written by one thread."""

    name: str
    source: str  # credentials removed
    state: str = CONNECTING  # one of cameras.events.STATES
    reason: str = ""  # why it is in this state
    granted: str = ""  # what the camera agreed to, such as "MJPG 1280x720 at 30 fps", when that is known
    captured: int = 0
    inferred: int = 0  # frames that every model of this camera answered
    dropped: int = 0  # frames that a newer one replaced before anyone took them
    too_old: int = 0  # frames dropped by --max-age-ms
    still: int = 0  # frames that the motion gate held back
    gaps: int = 0  # times without frames, told as events
    reconnects: int = 0  # attempts after the first
    counts: CameraCounts | None = None  # what the camera itself counts
    latest: dict[str, Result] = field(default_factory=dict)  # by the model's title
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_LATENCIES))
    answered_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_TIMES))  # time.monotonic

    @property
    def missed(self) -> int:
        """Frames that a newer one replaced inside the camera."""
        return self.counts.missed if self.counts is not None else 0

    @property
    def damaged(self) -> int:
        """Pictures that arrived damaged and were refused."""
        return self.counts.damaged if self.counts is not None else 0

    @property
    def fps(self) -> float:
        """Frames answered per second, over the last few seconds."""
        now_s = time.monotonic()
        recent = [at_s for at_s in tuple(self.answered_s) if now_s - at_s <= RATE_WINDOW_S]
        if len(recent) < 2:
            return len(recent) / RATE_WINDOW_S
        return (len(recent) - 1) / max(recent[-1] - recent[0], now_s - recent[-1], 1e-6)

    def snapshot(self) -> dict[str, Any]:
        """Fit for JSON."""
        counts = ("captured", "inferred", "dropped", "too_old", "still", "missed", "damaged", "gaps", "reconnects")
        return {
            "name": self.name,
            "source": self.source,
            "state": self.state,
            "reason": self.reason,
            "granted": self.granted,
            "fps": round(self.fps, 2),
            **{count: getattr(self, count) for count in counts},
            "latest": {model: to_document(result) for model, result in tuple(self.latest.items())},
        }


class ModelStatus(NamedTuple):
    """One model of a run."""

    title: str
    variant: str  # such as int8.tflite
    precision: str
    engine: str  # name and version
    kernels: str
    reason: str  # why this variant on this engine
    manifest_sha256: str  # of the bundle's manifest, which holds that of every other member


class RunStatus:
    """An observer of a run; every thread may read it, and call `tell` and `write`."""

    def __init__(self, cameras: list[CameraStatus] | None = None) -> None:
        self.cameras = {camera.name: camera for camera in cameras or ()}
        self.models: dict[str, ModelStatus] = {}  # by the bundle's path
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self.health: Any = None  # a HealthReading, once there is one
        self.sinks: list[Any] = []  # QueuedSinks: name, written, dropped, failure
        self.started_s = time.monotonic()
        self._titles: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def write(self, result: Result) -> None:
        """Remember the latest answer; one that a model gave just before it was exchanged comes too late."""
        if not self._titles or result.model in self._titles:
            self.cameras[result.camera].latest[result.model] = result

    def set_model(self, path: Path, model: ModelStatus) -> None:
        """What answers for this bundle now; the answers of the model before are forgotten."""
        before = self.models.get(str(path))
        self.models[str(path)] = model
        self._titles = frozenset(known.title for known in self.models.values())
        if before is not None and before.title != model.title:
            for camera in self.cameras.values():
                camera.latest.pop(before.title, None)

    def tell(self, event: Event) -> None:
        """Remember an event; a camera's own changes its state."""
        with self._lock:
            if event.kind == "camera" and event.name in RETRYING:
                self._forget_earlier_attempt(event)
            self.events.append(event)
        camera = self.cameras.get(event.camera)
        if camera is None:
            return
        if event.kind == "gap":
            camera.gaps += event.phase == BEGAN
        elif event.kind == "camera":
            camera.reconnects += (camera.state, event.name) == (BACKING_OFF, CONNECTING)
            camera.state, camera.reason = event.name, str(event.detail.get("reason", ""))
            camera.granted = str(event.detail.get("granted", camera.granted))

    def _forget_earlier_attempt(self, event: Event) -> None:
        """A camera that is away for hours tells of each attempt; the latest says it all."""
        for position in reversed(range(len(self.events))):
            earlier = self.events[position]
            if (earlier.kind, earlier.camera) != ("camera", event.camera):
                continue
            if earlier.name == event.name:
                del self.events[position]
            if earlier.name == event.name or earlier.name not in RETRYING:
                return

    def line(self) -> str:
        """For a service manager: `lights 2.0.0; front streaming, 14.9 fps; 61 °C`."""
        parts = [model.title for model in tuple(self.models.values())]
        parts += [f"{camera.name} {camera.state}, {camera.fps:.1f} fps" for camera in self.cameras.values()]
        celsius = getattr(self.health, "temperature_c", None)
        return "; ".join(parts + ([] if celsius is None else [f"{celsius:.0f} °C"]))

    @property
    def up_s(self) -> float:
        """Since when this run is on, in seconds."""
        return time.monotonic() - self.started_s

    def snapshot(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        with self._lock:
            events = [to_document(event) for event in self.events]
        return {
            "up_s": round(self.up_s, 1),
            "models": [model._asdict() for model in tuple(self.models.values())],
            "cameras": [camera.snapshot() for camera in self.cameras.values()],
            "sinks": [
                {"name": s.name, "written": s.written, "dropped": s.dropped, "failure": s.failure} for s in self.sinks
            ],
            "health": None if self.health is None else self.health.to_json(),
            "events": events,
        }


class RunSummary(NamedTuple):
    """What a run did, all cameras together."""

    cameras: tuple[CameraStatus, ...]
    duration_s: float

    def total(self, count: str) -> int:
        """The sum of one of the cameras' counts, such as `captured`."""
        return sum(getattr(camera, count) for camera in self.cameras)

    @property
    def fps(self) -> float:
        """Frames answered per second of wall time."""
        return self.total("inferred") / self.duration_s if self.duration_s else 0.0

    @property
    def median_latency_ms(self) -> float:
        """Median of preprocess + infer + postprocess over the latest answers."""
        import statistics  # brings fractions and decimals, half a megabyte, which a run does without until its end

        latencies = [latency for camera in self.cameras for latency in camera.latencies_ms]
        return statistics.median(latencies) if latencies else 0.0
