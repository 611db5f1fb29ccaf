"""What Prometheus is told of a run."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.health.reading import HealthReading
from edgevision_runtime.metrics import METRICS_TYPE, render_metrics
from edgevision_runtime.preview.serving import serve_preview
from edgevision_runtime.status import CameraStatus, RunStatus
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.previewed import answered, request, result, status_of_one_camera

TITLE = "strongest-colour 1.0.0"


def samples(status: RunStatus, **own: Any) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Name → (labels, value)s, as Prometheus reads them."""
    text = render_metrics(status, **{"encoded": {}, "viewers": 0, **own}).decode()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_every_count_of_a_camera_is_a_counter_with_its_name() -> None:
    camera = CameraStatus("gate", "test", captured=9, inferred=5, dropped=2, too_old=1, still=1, gaps=4, reconnects=3)

    found = samples(RunStatus([camera]))

    gate = {"camera": "gate"}
    assert found["edgevision_frames_captured_total"] == [(gate, 9)]
    assert found["edgevision_frames_inferred_total"] == [(gate, 5)]
    assert found["edgevision_frames_dropped_total"] == [(gate, 2)]
    assert found["edgevision_frames_too_old_total"] == [(gate, 1)]
    assert found["edgevision_frames_still_total"] == [(gate, 1)]
    assert found["edgevision_camera_gaps_total"] == [(gate, 4)]
    assert found["edgevision_camera_reconnects_total"] == [(gate, 3)]


def test_a_camera_is_in_one_state() -> None:
    found = samples(RunStatus([CameraStatus("gate", "test", state="backing off")]))

    assert {labels["state"]: value for labels, value in found["edgevision_camera_state"]} == {
        "connecting": 0, "streaming": 0, "stalled": 0, "backing off": 1, "ended": 0,
    }  # fmt: skip


def test_times_are_told_in_seconds(colour_bundle: Bundle) -> None:
    status = status_of_one_camera()
    answered(status, result(colour_bundle, networks.frame_of(40, 200, 40)))  # 1 + 2 + 3 ms, 100 ms old
    status.cameras["gate"].latencies_ms.extend([4.0] * 98 + [50.0])

    found = samples(status)

    quantiles = {labels["quantile"]: value for labels, value in found["edgevision_latency_seconds"]}
    assert quantiles == pytest.approx({"0.5": 0.004, "0.9": 0.004, "0.99": 0.05})
    answer = {"camera": "gate", "model": TITLE}
    assert found["edgevision_result_age_seconds"] == [(answer, pytest.approx(0.1))]
    assert found["edgevision_result_timestamp_seconds"] == [(answer, 1_800_000_000)]
    stages = {labels["stage"]: value for labels, value in found["edgevision_stage_seconds"]}
    assert stages == pytest.approx({"preprocess": 0.001, "infer": 0.002, "postprocess": 0.003})


def test_models_sinks_and_this_process_are_there() -> None:
    status = status_of_one_camera()
    status.sinks = [SimpleNamespace(name="mqtt", written=7, dropped=2, failure="broker down")]

    found = samples(status, encoded={"gate": 3}, viewers=2)

    ((model, one),) = found["edgevision_model_info"]
    assert (model["title"], model["precision"], model["manifest_sha256"], one) == (TITLE, "int8", "0" * 64, 1)
    mqtt = {"sink": "mqtt"}
    assert found["edgevision_sink_written_total"] == [(mqtt, 7)]
    assert found["edgevision_sink_dropped_total"] == [(mqtt, 2)]
    assert found["edgevision_sink_failing"] == [(mqtt, 1)]
    assert found["edgevision_preview_pictures_total"] == [({"camera": "gate"}, 3)]
    assert found["edgevision_preview_viewers"] == [({}, 2)]
    assert found["process_resident_memory_bytes"][0][1] > 1e6
    assert found["process_cpu_seconds_total"][0][1] > 0


def test_what_the_board_does_not_say_is_left_out() -> None:
    status = RunStatus()
    nothing = samples(status)
    status.health = HealthReading(0.0, temperature_c=61.5, zone="cpu-thermal", throttled=True, disk_free_mb=12.5)
    some = samples(status)

    assert "edgevision_temperature_celsius" not in nothing
    assert some["edgevision_temperature_celsius"] == [({"zone": "cpu-thermal"}, 61.5)]
    assert some["edgevision_throttled"] == [({}, 1)]
    assert some["edgevision_disk_free_bytes"] == [({}, 12.5e6)]
    assert "edgevision_under_voltage" not in some
    assert "edgevision_memory_free_bytes" not in some


def test_a_name_can_hold_anything() -> None:
    name = 'yard "north"\\side\n<b>'

    assert samples(RunStatus([CameraStatus(name, "test")]))["edgevision_camera_fps"] == [({"camera": name}, 0)]


def served(status: RunStatus, target: str) -> Any:
    flags = {"preview": ":0", "preview_token": None, "preview_token_file": None}
    with serve_preview(flags, status, tell=lambda line: None) as url:
        return request(int(url.rstrip("/").rpartition(":")[2]), "GET", target)


def test_they_are_served_in_prometheus_own_format() -> None:
    answer = served(status_of_one_camera(), "/metrics")

    assert (answer.code, answer.headers["Content-Type"]) == (200, METRICS_TYPE)
    names = {family.name for family in text_string_to_metric_families(answer.body.decode())}
    assert {"edgevision_frames_captured", "edgevision_camera_state", "process_cpu_seconds"} <= names


def test_without_prometheus_client_metrics_say_how_to_get_it_and_the_rest_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    metrics, latest = served(status_of_one_camera(), "/metrics"), served(status_of_one_camera(), "/api/v1/latest")

    assert metrics.code == 501
    assert metrics.body == b'metrics need prometheus_client; pip install "edgevision-runtime[preview]"\n'
    assert latest.code == 200
