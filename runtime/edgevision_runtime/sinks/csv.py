"""A table: a row for each result, or for each event where a run gives events only."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from edgevision_runtime.messages import Event, Result
from edgevision_runtime.sinks import MessageRefused, SinkSetup
from edgevision_runtime.sinks.document import timestamp
from edgevision_runtime.sinks.lines import LineWriter
from edgevision_runtime.types import Classification

RESULT = ("time", "camera", "model", "frame", "age_ms", "latency_ms")
ANSWER = ("label", "score")  # of a classifier
EVENT = ("time", "camera", "event", "name", "phase", "model", "frame", "detail")


class CsvSink:
    """Writes a header and then rows, each at once."""

    needs_image = False

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        self._only_events = setup.only_events
        tasks = {spec.task for spec in setup.specs} or {setup.task}
        masked = [spec.labels for spec in setup.specs if spec.task == "segment"]
        masked += [setup.labels] if setup.task == "segment" else []
        self._shares = tuple(dict.fromkeys(label for labels in masked for label in labels))
        self._has_answers = "classify" in tasks
        answer = ANSWER if self._has_answers else ()
        header = EVENT if self._only_events else (*RESULT, *answer, *(f"share_{label}" for label in self._shares))
        self._header = _row(header)
        self._lines = LineWriter(target, is_live=setup.is_live)
        self._is_headed = False
        if self._lines.is_open:
            self._put("")

    def write(self, result: Result) -> None:
        """One row. Raises MessageRefused for the answer of an exchanged model that has no columns here."""
        said = result.prediction
        row = [timestamp(result.captured_at), result.camera, result.model, said.frame_index]
        row += [f"{said.age_ms:.3f}", f"{said.latency_ms:.3f}"]
        if isinstance(said, Classification):
            fits = self._has_answers
            row += [said.label, f"{said.score:.5f}"] + [""] * len(self._shares)
        else:
            shares = said.shares
            fits = set(shares) <= set(self._shares)
            row += [""] * len(ANSWER if self._has_answers else ())
            row += [f"{shares[label]:.5f}" if label in shares else "" for label in self._shares]
        if not fits:
            raise MessageRefused(f"the columns are not those of {result.model}; use jsonl")
        self._put(_row(row))

    def tell(self, event: Event) -> None:
        """One row, in a run that gives events only."""
        if not self._only_events:
            return
        seen = event.result
        row: list[Any] = [timestamp(event.at), event.camera, event.kind, event.name, event.phase]
        row += [seen.model, seen.frame.index] if seen is not None else ["", ""]
        self._put(_row([*row, json.dumps(dict(event.detail), ensure_ascii=False)]))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def _put(self, row: str) -> None:
        self._lines.write(row if self._is_headed else self._header + row)
        self._is_headed = True


def _row(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
