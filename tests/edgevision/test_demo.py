"""The whole path in one go, as `edgevision demo` walks it: every verb, every file, every promise between them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgevision.cli.demo import summary
from edgevision.demo import DemoResult, prepare_folder
from edgevision.runs import RunDirectory
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras import open_camera
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import UsageError
from edgevision_runtime.golden import read_golden
from edgevision_runtime.selftest import selftest


def test_the_verbs_ran_in_the_order_of_the_path(walked: DemoResult) -> None:
    verbs = [step.verb for step in walked.steps]

    assert verbs == ["train", "prune", "quantize", "convert", "verify", "pack", "selftest", "run"]


def test_each_run_names_its_parent_and_its_stage(walked: DemoResult) -> None:
    stages = {name: RunDirectory.open(walked.folder / name) for name in ("learned", "pruned", "quantized")}

    assert [run.stage for run in stages.values()] == ["trained", "pruned", "quantized"]
    assert Path(str(stages["pruned"].record["parent"])).name == "learned"
    assert Path(str(stages["quantized"].record["parent"])).name == "pruned"
    assert len({run.spec for run in stages.values()}) == 1


def test_every_variant_is_verified_measured_and_close_to_float(walked: DemoResult) -> None:
    rows = {row.name: row for row in walked.rows}

    assert set(rows) == {"float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx"}
    assert walked.verdict in ("pass", "inconclusive")
    assert rows["float32.tflite"].metric >= 0.9  # three plain colours: a network that learned anything tells them apart
    assert all(row.agreement is None or row.agreement >= 0.95 for row in walked.rows)
    assert all(row.latency_ms > 0 and row.fps > 0 for row in walked.rows)


def test_the_bundle_carries_golden_vectors_evidence_and_a_card(walked: DemoResult) -> None:
    bundle = Bundle.open(walked.bundle)

    assert len(read_golden(bundle)) == 6
    assert {variant for vector in read_golden(bundle) for variant in (o.variant for o in vector.outputs)} == {
        variant.name for variant in bundle.variants
    }
    evidence = {"reports/verify.json", "reports/convert.json", "reports/calibration.json", "reports/metrics.json"}
    assert evidence <= set(bundle.members)
    card = bundle.read("MODEL_CARD.md").decode()
    assert "# photos 1.0.0" in card
    assert f"Verdict: **{walked.verdict}**" in card
    assert selftest(bundle).has_passed


def test_int8_reads_uint8_frames_without_any_arithmetic(walked: DemoResult) -> None:
    model_input = Bundle.open(walked.bundle).variant("int8.tflite").inputs[0]

    assert (model_input.dtype, model_input.scale, model_input.zero_point) == ("int8", 1.0, -128)


def test_nothing_of_this_machine_travels_in_the_bundle(walked: DemoResult, photo_folder: Path) -> None:
    bundle = Bundle.open(walked.bundle)

    for member in bundle.members:
        content = bundle.read(member)
        assert str(photo_folder.parent).encode() not in content, member
        assert str(Path.home()).encode() not in content, member


def test_the_stream_was_classified_and_filmed(walked: DemoResult) -> None:
    lines = [json.loads(line) for line in (walked.folder / "stream.jsonl").read_text().splitlines()]
    with open_camera(str(walked.folder / "stream.mp4"), options=CameraOptions(is_fast=True)) as camera:
        filmed = sum(1 for _ in camera)

    assert len(lines) == filmed > 0
    assert {line["label"] for line in lines} <= {"red", "green", "blue"}


def test_the_summary_shows_every_variant_and_the_next_commands(walked: DemoResult) -> None:
    text = summary(walked)

    assert all(row.name in text for row in walked.rows)
    assert "edgevision train photos -o runs/mine" in text
    assert "verdict: " in text


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(UsageError, match="not a demo"):
        prepare_folder(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "demo")
    (tmp_path / "demo" / "report.html").write_text("old")

    prepare_folder(tmp_path / "demo")

    assert not (tmp_path / "demo" / "report.html").exists()
