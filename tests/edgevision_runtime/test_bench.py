import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from edgevision_runtime.bench import BenchPlan, bench, bench_report, compare, parse_regress, read_baseline
from edgevision_runtime.bench_text import bench_text
from edgevision_runtime.bundle_writer import write_bundle
from edgevision_runtime.cli import edgevision_runtime
from edgevision_runtime.errors import MissingDependency, ModelError, UsageError
from edgevision_runtime.report import Report, Stopwatch


@pytest.fixture(scope="module")
def bundle(colour_content, tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle") / "colour.evb", colour_content)


@pytest.fixture(scope="module")
def measured(bundle):
    return bench(bundle, BenchPlan(threads=(1, 2), runs=20, warmup=2))


@pytest.fixture
def baseline(measured, bundle, tmp_path):
    """Writes a report to compare with, after `change(rows)`."""

    def write(change):
        path = tmp_path / "old.json"
        bench_report(bundle, measured, Stopwatch()).write(path)
        document = json.loads(path.read_text())
        change(document["metrics"]["measurements"])
        path.write_text(json.dumps(document))
        return path

    return write


def test_every_variant_is_measured_with_every_number_of_threads(measured):
    assert [row.key for row in measured.measurements] == [
        "float32.onnx@onnx/threads=1",
        "float32.onnx@onnx/threads=2",
        "float32.tflite@litert/threads=1",
        "float32.tflite@litert/threads=2",
    ]
    assert measured.skipped == ()


def test_the_numbers_of_a_measurement_fit_together(measured, bundle):
    row = measured.measurements[0]

    assert len(row.samples_ms) == 20
    assert 0 < row.p50_ms <= row.p90_ms <= row.p95_ms <= row.p99_ms
    assert row.frame_p50_ms > row.p50_ms
    assert row.load_ms > row.p50_ms
    model = bundle.read("models/float32.onnx")
    assert row.size_bytes == len(model)
    assert row.size_gz_bytes == len(gzip.compress(model, 9, mtime=0))


def test_memory_is_that_of_a_fresh_process(bundle):
    ballast = np.ones(400_000_000, np.uint8)  # on Linux, the peak of getrusage would be inherited

    found = bench(bundle, BenchPlan(runs=2, warmup=0, variants=("float32.onnx",))).measurements[0]

    # numpy, OpenCV and onnxruntime together stay below 200 MB
    assert 20 < found.rss_peak_mb < 300 < ballast.nbytes / 1e6
    assert 0 < found.rss_model_mb < found.rss_peak_mb


def test_a_model_that_does_not_load_is_skipped_with_the_reason(colour_content, tmp_path):
    (variant, _), *others = colour_content.models
    broken = replace(colour_content, models=((variant, b"no model at all"), *others))

    found = bench(write_bundle(tmp_path / "broken.evb", broken), BenchPlan(runs=2, warmup=0))

    assert [row.variant for row in found.measurements] == ["float32.tflite"]
    assert [(skip.variant, skip.engine) for skip in found.skipped] == [("float32.onnx", "onnx")]
    assert "refuses the model" in found.skipped[0].reason


def test_nothing_to_measure_is_an_error_and_no_empty_report(colour_content, tmp_path):
    broken = replace(colour_content, models=tuple((variant, b"no model") for variant, _ in colour_content.models))

    with pytest.raises(ModelError, match=r"nothing could be measured.*float32\.onnx on onnx"):
        bench(write_bundle(tmp_path / "broken.evb", broken), BenchPlan(runs=2, warmup=0))


def test_an_engine_that_is_not_installed_names_the_pip_command(bundle):
    with pytest.raises(MissingDependency, match=r'pip install "edgevision-runtime\[tflite\]"'):
        bench(bundle, BenchPlan(engines=("tflite",)))


def test_the_same_numbers_are_no_regression(measured, baseline):
    checks, findings = compare(measured.measurements, read_baseline(baseline(lambda rows: None), "10%"))

    assert len(checks) == 12  # 4 rows; latency, memory and size
    # the baseline is rounded to 0.1 µs
    assert {check.status for check in checks} == {"pass"}
    assert findings == []


def test_a_slower_variant_is_a_regression_beyond_the_limit_only(measured, baseline):
    def faster_before(rows):
        rows[0]["p50_ms"] = measured.measurements[0].p50_ms / 1.2

    path = baseline(faster_before)

    strict, _ = compare(measured.measurements, read_baseline(path, "10%"))
    lenient, _ = compare(measured.measurements, read_baseline(path, "0.3"))

    assert [check.id for check in strict if check.status == "fail"] == ["float32.onnx@onnx/threads=1/p50_ms"]
    assert all(check.status == "pass" for check in lenient)


def test_what_only_one_side_measured_is_said(measured, baseline):
    def another(rows):
        rows[0]["key"] = "float16.onnx@onnx/threads=1"

    _, findings = compare(measured.measurements, read_baseline(baseline(another), "10%"))

    assert [(finding.code, finding.message.split()[0]) for finding in findings] == [
        ("W401", "float32.onnx@onnx/threads=1"),
        ("W402", "float16.onnx@onnx/threads=1"),
    ]


def test_a_report_of_another_verb_is_no_baseline(tmp_path):
    watch = Stopwatch()
    path = tmp_path / "verify.json"
    Report("verify", "pass", watch.started, watch.duration_s).write(path)

    with pytest.raises(UsageError, match="report of 'verify'"):
        read_baseline(path, "10%")


def test_the_table_shows_every_measurement(measured):
    text = bench_text(measured, [])

    assert text.count("float32.onnx") == 2
    assert "p99" in text.splitlines()[0]


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), ("0.1", 0.1), ("0", 0.0), ("7.5%", 0.075)])
def test_max_regress_is_a_percentage_or_a_share(text, share):
    assert parse_regress(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["ten", "-5%", "%"])
def test_max_regress_that_cannot_be_is_refused(text):
    with pytest.raises(UsageError):
        parse_regress(text)


def test_the_device_has_the_verb_too(bundle, tmp_path):
    report = tmp_path / "bench.json"
    arguments = ["bench", str(bundle.path), "--runs", "3", "--engine", "onnx", "--quiet"]

    measured = CliRunner().invoke(edgevision_runtime, [*arguments, "--report", str(report)], standalone_mode=False)
    compared = CliRunner().invoke(
        edgevision_runtime, [*arguments, "--baseline", str(report), "--max-regress", "5000%"], standalone_mode=False
    )

    assert (measured.return_value, compared.return_value) == (0, 0)
    assert "float32.onnx" in measured.stdout


def test_a_file_in_the_current_folder_does_not_shadow_a_library(bundle, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)

    found = bench(bundle, BenchPlan(runs=2, warmup=0, engines=("onnx",)))

    assert found.skipped == ()
