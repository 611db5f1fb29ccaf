"""The table of results, or of events."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from edgevision_runtime.sinks import MessageRefused, SinkSetup, open_sink
from tests.edgevision_runtime.sinks.messages import CLASSIFIER, LABELS, SEGMENTER, event, result, segmentation


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_row_for_each_answer_of_a_classifier(tmp_path: Path) -> None:
    sink = open_sink(f"csv:{tmp_path / 'all.csv'}", SinkSetup(labels=LABELS, is_live=True))

    sink.write(result(4, "green", 0.75, camera='the "gate", left'))
    sink.tell(event())
    sink.close()

    (row,) = rows(tmp_path / "all.csv")
    assert row == {
        "time": "2026-01-01T12:00:00.000Z", "camera": 'the "gate", left', "model": "lights 1.0.0", "frame": "4",
        "age_ms": "12.250", "latency_ms": "3.500", "label": "green", "score": "0.75000",
    }  # fmt: skip


def test_a_column_for_each_share_of_a_segmenter(tmp_path: Path) -> None:
    sink = open_sink(f"csv:{tmp_path / 'all.csv'}", SinkSetup(task="segment", labels=LABELS))

    sink.write(segmentation(2))
    sink.close()

    (row,) = rows(tmp_path / "all.csv")
    assert "label" not in row
    assert (row["share_red"], row["share_yellow"], row["share_green"]) == ("0.50000", "0.25000", "0.25000")


def test_a_classifier_beside_a_segmenter_has_both_kinds_of_columns(tmp_path: Path) -> None:
    setup = SinkSetup(labels=LABELS, specs=(CLASSIFIER, SEGMENTER))
    sink = open_sink(f"csv:{tmp_path / 'all.csv'}", setup)

    sink.write(result(0))
    sink.write(segmentation(0))
    sink.close()

    answer, shares = rows(tmp_path / "all.csv")
    assert (answer["label"], answer["share_red"]) == ("red", "")
    assert (shares["label"], shares["share_red"]) == ("", "0.50000")


def test_an_exchanged_model_of_another_kind_is_refused_row_by_row(tmp_path: Path) -> None:
    sink = open_sink(f"csv:{tmp_path / 'all.csv'}", SinkSetup(labels=LABELS))

    with pytest.raises(MessageRefused, match="columns are not those of lights"):
        sink.write(segmentation())


def test_a_run_that_gives_events_only_makes_a_table_of_events(tmp_path: Path) -> None:
    sink = open_sink(f"csv:{tmp_path / 'all.csv'}", SinkSetup(labels=LABELS, only_events=True))

    sink.tell(event("red", of=result(7)))
    sink.tell(event("streaming"))
    sink.close()

    seen, bare = rows(tmp_path / "all.csv")
    assert (seen["event"], seen["name"], seen["phase"], seen["frame"]) == ("label", "red", "began", "7")
    assert json.loads(seen["detail"]) == {"score": 0.9}
    assert (bare["model"], bare["frame"]) == ("", "")
