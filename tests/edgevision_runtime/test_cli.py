"""The device's command line: results on stdout, one line for an expected failure, the exit codes of the table."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.report import read_report

RUNTIME = [sys.executable, "-c", "from edgevision_runtime.cli import main; main()"]


def runtime(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUNTIME, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def test_selftest_passes_and_fails_by_exit_code(packed_bundle: Bundle, colour_bundle: Bundle) -> None:
    passed = runtime("selftest", packed_bundle.path)
    drafted = runtime("selftest", colour_bundle.path)

    assert passed.returncode == 0
    assert "bit for bit" in passed.stdout
    assert drafted.returncode == 1
    assert drafted.stderr.startswith("error: strongest-colour 1.0.0 holds no golden vectors")


def test_run_prints_one_json_line_a_frame_and_nothing_else_on_stdout(
    packed_bundle: Bundle, colour_folder: Path
) -> None:
    done = runtime("run", packed_bundle.path, "--source", colour_folder)

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [line["label"] for line in lines] == ["blue"] * 4 + ["green"] * 4 + ["red"] * 4
    assert "12 results from 12 frames" in done.stderr
    assert "float32.tflite on litert" in done.stderr


def test_info_as_json_can_be_read_back(packed_bundle: Bundle) -> None:
    document = json.loads(runtime("info", packed_bundle.path, "--format", "json").stdout)

    assert document["sha256"] == packed_bundle.sha256
    assert document["golden_vectors"] == 3
    assert document["labels"] == ["red", "green", "blue"]


def test_a_tampered_bundle_ends_with_4_and_one_line(packed_bundle: Bundle) -> None:
    content = bytearray(packed_bundle.path.read_bytes())
    content[content.index(b"TFL3") + 50] ^= 1
    packed_bundle.path.write_bytes(bytes(content))

    for verb in (["info"], ["selftest"], ["run", "--source", "0"]):
        done = runtime(verb[0], packed_bundle.path, *verb[1:])
        assert done.returncode == 4
        assert done.stderr.count("\n") == 1
        assert "models/float32.tflite" in done.stderr


def test_a_source_that_is_not_there_is_a_usage_error_and_an_empty_one_is_lost(
    packed_bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()

    assert runtime("run", packed_bundle.path, "--source", "nowhere").returncode == 2
    assert runtime("run", packed_bundle.path, "--source", tmp_path / "empty").returncode == 5


@pytest.mark.parametrize(
    ("verb", "flags", "exit_code"),
    [
        ("info", (), 2),
        ("run", ("--source", "rtsp://me:s3cret@127.0.0.1:9/x", "--give-up-after", "0.5"), 5),
        ("run", ("--source", "http://me:s3cret@127.0.0.1:9/x", "--give-up-after", "0.5"), 5),
        ("run", ("--source", "rtps://me:s3cret@host/x"), 2),
        ("run", ("--source", ".", "--sink", "jsonl:http://me:s3cret@host/x"), 2),
        ("run", ("--source", ".", "--fps", "http://me:s3cret@host/x"), 2),
    ],
)
def test_credentials_are_never_printed_in_an_error(
    packed_bundle: Bundle, verb: str, flags: tuple[str, ...], exit_code: int
) -> None:
    bundle = packed_bundle.path if flags else "https://me:s3cret@host/lights.evb"

    done = runtime(verb, bundle, *flags)

    assert done.returncode == exit_code
    assert "s3cret" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--source", "0"),
        ("run", "--source", "FOLDER"),
        ("run", "--source", "FOLDER", "--sink", "display"),
        ("selftest",),
        ("bench", "--runs", "1"),
    ],
)
def test_a_device_without_opencv_is_told_what_to_install(
    packed_bundle: Bundle, colour_folder: Path, arguments: tuple[str, ...]
) -> None:
    code = "import sys; sys.modules['cv2'] = None; from edgevision_runtime.cli import main; main()"
    verb, *more = (str(colour_folder) if argument == "FOLDER" else argument for argument in arguments)

    done = subprocess.run(
        [sys.executable, "-c", code, verb, str(packed_bundle.path), *more], capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("error: OpenCV cannot be imported")
    assert 'pip install "edgevision-runtime[camera]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_sigterm_flushes_and_stops_cleanly(packed_bundle: Bundle, colour_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    command = [*RUNTIME, "run", str(packed_bundle.path), "--source", str(colour_folder), "--fps", "2"]
    process = subprocess.Popen([*command, "--sink", f"jsonl:{output}"], stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 30
    while (not output.exists() or not output.read_text()) and time.monotonic() < deadline_s:
        time.sleep(0.05)

    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)

    assert "Traceback" not in errors
    assert process.returncode == 0
    assert all(json.loads(line) for line in output.read_text().splitlines())


def test_a_signed_bundle_is_checked_with_the_right_key_only(packed_bundle: Bundle, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from edgevision_runtime.bundle_writer import sign_bundle

    for name in ("ours", "theirs"):
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / f"{name}.pem").write_bytes(private)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (tmp_path / f"{name}.pub.pem").write_bytes(public)
    signed = sign_bundle(tmp_path / "signed.evb", packed_bundle, tmp_path / "ours.pem")

    assert runtime("info", signed.path, "--public-key", tmp_path / "ours.pub.pem").returncode == 0
    other = runtime("info", signed.path, "--public-key", tmp_path / "theirs.pub.pem")
    unsigned = runtime("info", packed_bundle.path, "--public-key", tmp_path / "ours.pub.pem")
    assert other.returncode == 4
    assert "signature.json: signed by key" in other.stderr
    assert unsigned.returncode == 4
    assert "edgevision sign" in unsigned.stderr


@pytest.mark.parametrize("verb", ["run", "info", "selftest"])
def test_help_imports_nothing_heavy(verb: str) -> None:
    code = (
        "import sys; sys.argv = ['edgevision-runtime', sys.argv[1], '--help']\n"
        "from edgevision_runtime.cli import edgevision_runtime\n"
        "edgevision_runtime.main(standalone_mode=False)\n"
        "print([name for name in ('numpy', 'cv2', 'onnxruntime', 'tensorflow') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_selftest_writes_its_result_in_the_report_envelope(packed_bundle: Bundle, tmp_path: Path) -> None:
    done = runtime("selftest", packed_bundle.path, "--report", tmp_path / "selftest.json")

    report = read_report(tmp_path / "selftest.json")
    assert done.returncode == 0
    assert (report.command, report.status) == ("selftest", "pass")
    assert report.inputs["bundle"]["sha256"] == packed_bundle.sha256
    assert {check.id for check in report.checks} == {
        "contract/failures",
        "float32.onnx@onnx/failures",
        "float32.tflite@litert/failures",
    }


def test_run_does_not_overwrite_a_file_unless_told_to(
    packed_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("years of work")
    command = ["run", packed_bundle.path, "--source", colour_folder, "--sink", f"jsonl:{output}", "--limit", "1"]

    refused = runtime(*command)
    kept = output.read_text()
    forced = runtime(*command, "--force")

    assert (refused.returncode, kept) == (2, "years of work")
    assert "--force" in refused.stderr
    assert forced.returncode == 0
    assert json.loads(output.read_text())["frame"] == 0


def test_a_camera_of_hours_runs_in_seconds_and_never_makes_up_a_frame(
    packed_bundle: Bundle, colour_folder: Path
) -> None:
    faults = "fps=2&drop=0.1&stall=3s@10&disconnect=5s@60/300&duration=600s&seed=1"
    command = ["run", packed_bundle.path, "--source", f"fake://{colour_folder}?{faults}"]

    first, second = runtime(*command), runtime(*command)

    documents = [json.loads(line) for line in first.stdout.splitlines()]
    lines = [document for document in documents if "event" not in document]
    gaps = [document for document in documents if document.get("event") == "gap"]
    assert first.returncode == 0, first.stderr
    assert 600 < len(lines) < 1200  # two frames a second for ten minutes, less what was dropped and lost
    assert "backing off" in first.stderr
    assert [line["frame"] for line in lines] == list(range(len(lines)))

    assert [gap["phase"] for gap in gaps] == ["began", "ended"] * (len(gaps) // 2)
    assert len(gaps) >= 4  # a stall and two disconnects, the last of which may outlast the run

    def answers(text: str) -> list[tuple[int, str, float]]:
        documents = [json.loads(line) for line in text.splitlines()]
        return [(line["frame"], line["label"], line["score"]) for line in documents if "event" not in line]

    assert answers(second.stdout) == answers(first.stdout)


def test_a_run_can_report_what_it_did(packed_bundle: Bundle, colour_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.png").write_bytes(b"no picture")
    sources = ["--source", f"fake://{colour_folder}?fps=5&duration=4s&seed=1", "--source", str(tmp_path / "broken")]

    done = runtime("run", packed_bundle.path, *sources, "--sink", "null", "--report", str(tmp_path / "run.json"))

    report = read_report(tmp_path / "run.json")
    cameras = {camera["name"]: camera for camera in report.metrics["cameras"]}
    assert done.returncode == 0, done.stderr
    assert (report.command, report.status) == ("run", "pass")
    assert cameras[f"fake://{colour_folder}"]["inferred"] == 20  # named without its settings
    assert cameras[str(tmp_path / "broken")]["inferred"] == 0
    assert [finding.code for finding in report.warnings] == ["W701"]
