"""A run in Prometheus' text format, read from `RunStatus` when somebody asks; needs `prometheus_client`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgevision_runtime import __version__
from edgevision_runtime.cameras.events import STATES
from edgevision_runtime.errors import MissingDependency
from edgevision_runtime.status import CameraStatus, RunStatus

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
QUANTILES = (0.5, 0.9, 0.99)
STAGES = ("preprocess", "infer", "postprocess")
COUNTS = {  # of a camera's status → name and meaning
    "captured": ("edgevision_frames_captured", "Frames that came from the camera."),
    "inferred": ("edgevision_frames_inferred", "Frames that every model of the camera answered."),
    "dropped": ("edgevision_frames_dropped", "Frames that a newer one replaced before anyone took them."),
    "too_old": ("edgevision_frames_too_old", "Frames dropped by --max-age-ms."),
    "still": ("edgevision_frames_still", "Frames that the motion gate held back."),
    "missed": ("edgevision_frames_missed", "Frames that a newer one replaced inside the camera."),
    "damaged": ("edgevision_frames_damaged", "Pictures that arrived damaged and were refused."),
    "gaps": ("edgevision_camera_gaps", "Times in which no frame came."),
    "reconnects": ("edgevision_camera_reconnects", "Attempts to connect after the first."),
}
FLAGS = {  # of a health reading
    "throttled": ("edgevision_throttled", "1 while the processor's clock is held down."),
    "under_voltage": ("edgevision_under_voltage", "1 while the power supply is too weak."),
    "frequency_capped": ("edgevision_frequency_capped", "1 while the clock's frequency is capped."),
    "soft_limit": ("edgevision_soft_temperature_limit", "1 while above the soft temperature limit."),
}
MEGABYTES = {
    "memory_free_mb": ("edgevision_memory_free_bytes", "Memory that the system could still give."),
    "disk_free_mb": ("edgevision_disk_free_bytes", "Room where results are written."),
}


def render_metrics(status: RunStatus, *, encoded: Mapping[str, int], viewers: int) -> bytes:
    """Everything, as text; `encoded` pictures of each camera and open streams are the preview's own.

    Raises:
        MissingDependency: prometheus_client is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    except ImportError as error:
        raise MissingDependency(
            "metrics need prometheus_client", hint='pip install "edgevision-runtime[preview]"'
        ) from error
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)  # CPU seconds, memory, open files and start of this process
    registry.register(_RunCollector(status, encoded, viewers))
    text: bytes = generate_latest(registry)
    return text


class _RunCollector:
    """What prometheus_client asks for metrics."""

    def __init__(self, status: RunStatus, encoded: Mapping[str, int], viewers: int) -> None:
        self._status, self._encoded, self._viewers = status, encoded, viewers

    def collect(self) -> Iterator[Any]:
        """Every metric family of the run."""
        cameras = tuple(self._status.cameras.values())
        yield _gauge("edgevision_uptime_seconds", "Since when the run is on.", [({}, self._status.up_s)])
        yield _gauge("edgevision_runtime_info", "The version of edgevision.", [({"version": __version__}, 1)])
        for count, (name, meaning) in COUNTS.items():
            yield _counter(name, meaning, [({"camera": camera.name}, getattr(camera, count)) for camera in cameras])
        yield from _of_cameras(cameras)
        yield from _of_answers(cameras)
        yield _gauge(
            "edgevision_model_info", "What answers.", [(_model(m), 1) for m in tuple(self._status.models.values())]
        )
        yield from self._sinks()
        yield from _of_health(self._status.health)
        pictures = [({"camera": name}, count) for name, count in self._encoded.items()]
        yield _counter("edgevision_preview_pictures", "Pictures encoded for the preview.", pictures)
        yield _gauge("edgevision_preview_viewers", "Streams of the preview that are open.", [({}, self._viewers)])

    def _sinks(self) -> Iterator[Any]:
        sinks = [({"sink": str(sink.name)}, sink) for sink in tuple(self._status.sinks)]
        yield _counter("edgevision_sink_written", "Messages written.", [(of, sink.written) for of, sink in sinks])
        yield _counter("edgevision_sink_dropped", "Messages lost.", [(of, sink.dropped) for of, sink in sinks])
        yield _gauge("edgevision_sink_failing", "1 while it fails.", [(of, bool(sink.failure)) for of, sink in sinks])


def _of_cameras(cameras: Sequence[CameraStatus]) -> Iterator[Any]:
    states = [
        ({"camera": camera.name, "state": state}, camera.state == state) for camera in cameras for state in STATES
    ]
    yield _gauge("edgevision_camera_state", "1 for the state that the camera is in.", states)
    rates = [({"camera": camera.name}, camera.fps) for camera in cameras]
    yield _gauge("edgevision_camera_fps", "Frames answered per second, over the last seconds.", rates)
    latencies = [
        ({"camera": camera.name, "quantile": str(quantile)}, latency_s)
        for camera in cameras
        for quantile, latency_s in _quantiles_s(camera)
    ]
    yield _gauge("edgevision_latency_seconds", "Of a frame's inferences, over the last 1000 frames.", latencies)


def _of_answers(cameras: Sequence[CameraStatus]) -> Iterator[Any]:
    latest = [
        ({"camera": camera.name, "model": model}, result)
        for camera in cameras
        for model, result in tuple(camera.latest.items())
    ]
    captured_at = [(of, result.captured_at) for of, result in latest]
    yield _gauge("edgevision_result_timestamp_seconds", "Unix time of the latest answer's frame.", captured_at)
    ages = [(of, result.prediction.age_ms / 1e3) for of, result in latest]
    yield _gauge("edgevision_result_age_seconds", "From capture to the latest answer.", ages)
    stages = [
        ({**of, "stage": stage}, getattr(result.prediction.stages, f"{stage}_ms") / 1e3)
        for of, result in latest
        for stage in STAGES
    ]
    yield _gauge("edgevision_stage_seconds", "Where the time of the latest answer went.", stages)


def _of_health(health: Any) -> Iterator[Any]:
    """None for what could not be read: a metric that is not there is better than one that is wrong."""
    if health is None:
        return
    if health.temperature_c is not None:
        hottest = [({"zone": health.zone}, health.temperature_c)]
        yield _gauge("edgevision_temperature_celsius", "Of the hottest processor.", hottest)
    for field, (name, meaning) in FLAGS.items():
        if getattr(health, field) is not None:
            yield _gauge(name, meaning, [({}, getattr(health, field))])
    for field, (name, meaning) in MEGABYTES.items():
        if getattr(health, field) is not None:
            yield _gauge(name, meaning, [({}, getattr(health, field) * 1e6)])
    yield _gauge("edgevision_pace_factor", "How much slower the run works because of heat.", [({}, health.pace_factor)])


def _model(model: Any) -> dict[str, str]:
    names = ("title", "variant", "precision", "engine", "kernels", "manifest_sha256")
    return {name: str(getattr(model, name)) for name in names}


def _quantiles_s(camera: CameraStatus) -> list[tuple[float, float]]:
    """The nearest-rank quantiles."""
    ordered = sorted(camera.latencies_ms)
    return [(q, ordered[min(len(ordered) - 1, int(q * len(ordered)))] / 1e3) for q in QUANTILES if ordered]


_Samples = Sequence[tuple[Mapping[str, str], float]]


def _counter(name: str, meaning: str, samples: _Samples) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily(name, meaning, labels=_labels(samples)), samples)


def _gauge(name: str, meaning: str, samples: _Samples) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily(name, meaning, labels=_labels(samples)), samples)


def _labels(samples: _Samples) -> list[str]:
    return list(samples[0][0]) if samples else []


def _filled(family: Any, samples: _Samples) -> Any:
    for labels, value in samples:
        family.add_metric(list(labels.values()), float(value))
    return family
