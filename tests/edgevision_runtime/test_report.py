import json

import numpy as np
import pytest

from edgevision_runtime.errors import UsageError
from edgevision_runtime.redact import redact
from edgevision_runtime.report import Check, Finding, Report, Stopwatch, file_input, read_report, verdict


def a_report(**changes):
    watch = Stopwatch()
    facts = {
        "command": "verify",
        "status": "pass",
        "started": watch.started,
        "duration_s": watch.duration_s,
        "inputs": {"bundle": {"path": "out.evb", "sha256": "00"}},
        "checks": (Check("top1_agreement", 0.992, (0.981, 0.998), 0.98, ">=", "pass"),),
        "metrics": {"accuracy": 0.9},
        "warnings": (Finding("W203", "layout differs", "say --layout"),),
        "env": {"python": "3.11"},
        "next": ("edgevision pack out.evb",),
    }
    return Report(**{**facts, **changes})


def test_a_report_reads_back_as_it_was_written(tmp_path):
    report = a_report()

    report.write(tmp_path / "report.json")

    assert read_report(tmp_path / "report.json") == report


def test_the_document_has_the_promised_fields_in_the_promised_order():
    document = a_report().to_json()

    assert list(document) == [
        "schema", "command", "status", "started", "duration_s", "inputs", "checks", "metrics", "warnings", "env", "next"
    ]  # fmt: skip
    assert document["schema"] == "edgevision.report/1"
    assert document["checks"][0] == {
        "id": "top1_agreement", "value": 0.992, "ci95": [0.981, 0.998], "limit": 0.98, "op": ">=", "status": "pass"
    }  # fmt: skip
    assert document["warnings"][0] == {"code": "W203", "message": "layout differs", "hint": "say --layout"}


def test_numpy_values_become_plain_numbers_and_nan_becomes_null(tmp_path):
    report = a_report(metrics={"f1": np.float32(0.5), "iou": float("nan"), "matrix": np.eye(2, dtype=np.int64)})

    report.write(tmp_path / "report.json")

    assert json.loads((tmp_path / "report.json").read_text())["metrics"] == {
        "f1": 0.5,
        "iou": None,
        "matrix": [[1, 0], [0, 1]],
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("rtsp://admin:secret@10.0.0.7/stream", "rtsp://***@10.0.0.7/stream"),
        ("rtsp://admin:p@ss@cam/1", "rtsp://***@cam/1"),
        ("http://cam/snap?user=a&password=hunter2&w=3", "http://cam/snap?user=a&password=***&w=3"),
        ("http://cam/snap?token=abc", "http://cam/snap?token=***"),
        ("mail me at a@b.org", "mail me at a@b.org"),
        ("https://example.org/path@v1", "https://example.org/path@v1"),
    ],
)
def test_credentials_in_urls_are_removed(text, clean):
    assert redact(text) == clean


def test_no_credential_reaches_the_written_file(tmp_path):
    report = a_report(
        inputs={"source": {"path": "rtsp://admin:secret@cam/1"}}, next=("edgevision run x --source rtsp://a:secret@c",)
    )

    report.write(tmp_path / "report.json")

    assert "secret" not in (tmp_path / "report.json").read_text()


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.update(schema="edgevision.report/2"),
        lambda document: document.update(extra=1),
        lambda document: document.pop("checks"),
        lambda document: document.update(status="great"),
        lambda document: document.update(checks=[{"id": "x"}]),
        lambda document: document.update(duration_s="long"),
    ],
)
def test_a_document_that_is_not_a_report_is_refused_in_one_line(tmp_path, damage):
    document = a_report().to_json()
    damage(document)
    (tmp_path / "report.json").write_text(json.dumps(document))

    with pytest.raises(UsageError, match=r"report\.json is not a report"):
        read_report(tmp_path / "report.json")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.json cannot be read"):
        read_report(tmp_path / "gone.json")


def test_the_worst_check_decides_the_verdict_and_the_exit_code():
    passed, failed = Check.judged("a", 1, ">=", 1), Check.judged("b", 2, "<=", 1)
    open_question = Check("c", 0.9, (0.7, 1.0), 0.95, ">=", "inconclusive")

    assert verdict([passed]) == "pass"
    assert verdict([passed, open_question]) == "inconclusive"
    assert verdict([open_question, failed]) == "fail"
    assert [a_report(status=s).exit_code for s in ("pass", "fail", "inconclusive", "error")] == [0, 1, 6, 70]


def test_the_hash_of_an_input_is_that_of_its_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")

    assert file_input(tmp_path / "abc")["sha256"] == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, example B.1
    )
