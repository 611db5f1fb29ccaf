import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from edgevision.cli import edgevision
from edgevision.reports.envelope import read_report
from edgevision_runtime.errors import UsageError


@pytest.fixture
def run():
    def invoke(*arguments):
        return CliRunner().invoke(edgevision, [str(part) for part in arguments], standalone_mode=False)

    return invoke


def test_verify_ends_with_the_code_of_its_verdict(run, good_bundle, color_bundle, color_pictures, few_pictures):
    codes = [
        run("verify", good_bundle.path, "--data", color_pictures).return_value,
        run("verify", color_bundle.path, "--data", color_pictures).return_value,
        run("verify", good_bundle.path, "--data", few_pictures).return_value,
    ]

    assert codes == [0, 1, 6]


def test_a_wider_gate_lets_more_through(run, good_bundle, few_pictures):
    wide = run("verify", good_bundle.path, "--data", few_pictures, "--max-drop", "0.2", "--min-agreement", "0.8")

    assert wide.return_value == 0


def test_verify_writes_report_junit_and_page(run, color_bundle, color_pictures, tmp_path):
    files = {name: tmp_path / f"verify.{name}" for name in ("json", "xml", "html")}

    ended = run(
        "verify", color_bundle.path, "--data", color_pictures, "--report", files["json"], "--junit", files["xml"],
        "--html", files["html"],
    )  # fmt: skip

    report = read_report(files["json"])
    assert ended.return_value == report.exit_code == 1
    assert report.inputs["bundle"]["sha256"] == color_bundle.sha256
    assert len(report.inputs["data"]["fingerprint"]) == 64
    assert report.metrics["results"][0]["status"] == "reference"
    assert report.metrics["timing"]["contract_runs"] == 300
    suite = ET.parse(files["xml"]).getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    assert "<img" in files["html"].read_text()


def test_verify_proposes_to_pack_only_with_a_report_that_is_there(run, good_bundle, color_pictures, tmp_path):
    without = run("verify", good_bundle.path, "--data", color_pictures)
    written = run("verify", good_bundle.path, "--data", color_pictures, "--report", tmp_path / "v.json")

    assert without.stderr.splitlines()[-1] == (
        f"Next: edgevision verify {good_bundle.path} --data {color_pictures} --report verify.json"
    )
    assert written.stderr.splitlines()[-1].startswith(f"Next: edgevision pack {good_bundle.path} ")
    assert f"--report {tmp_path / 'v.json'} " in written.stderr


def test_verify_prints_the_report_as_json(run, good_bundle, color_pictures):
    ended = run("verify", good_bundle.path, "--data", color_pictures, "--format", "json", "--quiet")

    assert json.loads(ended.stdout)["schema"] == "edgevision.report/1"


def test_junit_marks_an_open_verdict_and_a_skipped_engine(run, broken_bundle, good_bundle, few_pictures, tmp_path):
    path = tmp_path / "verify.xml"

    run("verify", good_bundle.path, "--data", few_pictures, "--junit", path)
    open_end = ET.parse(path).getroot().find("testsuite/testcase/failure")
    run("verify", broken_bundle.path, "--data", few_pictures, "--junit", path)
    skipped = ET.parse(path).getroot().find("testsuite/testcase/skipped")

    assert open_end.get("type") == "inconclusive"
    assert "270 more images" in open_end.get("message")
    assert "refuses the model" in skipped.get("message")


def test_verify_for_a_board_says_what_it_checked_and_what_it_could_not(run, good_bundle, color_pictures):
    ended = run("verify", good_bundle.path, "--data", color_pictures, "--device", "raspberry-pi-zero-2w")

    assert ended.return_value == 0
    assert "device/raspberry-pi-zero-2w/bundle_mb" in ended.stdout
    assert "device/raspberry-pi-zero-2w/float32.onnx/memory_mb" in ended.stdout
    assert "32-bit: no variant runs there, its engines are tflite" in ended.stderr
    assert "latency (budget 500 ms at p95)" in ended.stderr


def test_bench_compares_with_its_own_report(run, good_bundle, tmp_path):
    report = tmp_path / "bench.json"
    quick = ("--runs", 5, "--warmup", 1, "--variant", "int8.onnx")

    first = run("bench", good_bundle.path, *quick, "--report", report)
    second = run("bench", good_bundle.path, *quick, "--baseline", report, "--max-regress", "5000%")

    assert (first.return_value, second.return_value) == (0, 0)
    assert "int8.onnx" in first.stdout


def test_bench_ends_with_1_when_something_regressed(run, good_bundle, tmp_path):
    report = tmp_path / "bench.json"
    quick = ("--runs", 5, "--warmup", 1, "--variant", "int8.onnx")
    run("bench", good_bundle.path, *quick, "--report", report)
    document = json.loads(report.read_text())
    document["metrics"]["measurements"][0]["size_bytes"] //= 2
    report.write_text(json.dumps(document))

    ended = run("bench", good_bundle.path, *quick, "--baseline", report, "--max-regress", "5000%")
    half = run("bench", good_bundle.path, *quick, "--baseline", report, "--max-regress", "10%")

    assert ended.return_value == 0
    assert half.return_value == 1
    assert "size_bytes" in half.stdout


def test_a_typo_in_what_comes_after_the_work_is_found_before_it(run, good_bundle, color_pictures, tmp_path):
    (tmp_path / "old.json").write_text("{}")

    for verb, *late in (
        ("verify", "--data", color_pictures, "--device", "rapsberry-pi-4"),
        ("bench", "--device", "rapsberry-pi-4"),
        ("bench", "--baseline", tmp_path / "old.json"),
        ("verify", "--data", color_pictures, "--engine", "onxn"),
    ):
        ended = run(verb, good_bundle.path, *late)

        assert isinstance(ended.exception, UsageError)
        assert ended.output == ""  # not even progress


def test_devices_lists_and_explains(run):
    everything, one = run("devices").stdout, run("devices", "jetson-orin-nano").stdout

    assert "raspberry-pi-zero-2w" in everything
    assert "JetPack 6 (Ubuntu 22.04): Python 3.10" in one
    assert "pip install ai-edge-litert==2.3.0" in one
