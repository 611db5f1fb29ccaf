"""What pruning and quantization-aware training end with: a run directory whose report says what was gained and lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgevision.compression.cost import Size
from edgevision.compression.subject import Subject
from edgevision.compression.tuning import augmentation_of, main_metric
from edgevision.data.splits import write_splits
from edgevision.reports.compression_report import CompressionStory, LedgerRow, write_compression_report
from edgevision.reports.training_report import read_history
from edgevision.reports.wording import milliseconds, percent, points, size
from edgevision.runs import NewRun, RunDirectory, write_run
from edgevision.training.evaluate import Evaluation
from edgevision.training.run_files import StageHistory, metrics_document, tool_versions, write_history

SAME_LATENCY = 0.05  # a ratio of medians nearer to 1 than this is noise on an ordinary machine


@dataclass(frozen=True)
class Target:
    """Where the new run goes."""

    output: Path
    force: bool = False


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A shrunk network and everything that was measured of it and of its parent."""

    model: Any
    subject: Subject
    stage: str  # pruned | quantized
    method: str  # in words, for the report
    arguments: Mapping[str, Any]
    history: StageHistory
    before: Sequence[Evaluation]
    after: Sequence[Evaluation]
    sizes: Mapping[str, tuple[Size, Size]]  # kind of file → (before, after)
    latency_ms: tuple[float, float]  # before, after
    layer_sparsity: Mapping[str, float] = field(default_factory=dict)
    target_sparsity: float | None = None
    untouched: Sequence[tuple[str, str]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # more for metrics.json
    seconds: float = 0.0

    @property
    def metric_before_and_after(self) -> tuple[str, float, float]:
        """Name of the metric and its values, on the test split where there is one."""
        name, before = main_metric(self.before[-1])
        return name, before, main_metric(self.after[-1])[1]

    @property
    def is_faster(self) -> bool:
        """Whether the latency fell by more than noise."""
        before, after = self.latency_ms
        return after < before * (1 - SAME_LATENCY)

    def conclusion(self) -> str:
        """What was gained, in plain words; also when nothing was."""
        name, before, after = self.metric_before_and_after
        split = self.after[-1].split
        said = [f"{name} on the {split} split: {percent(before)} before, {percent(after)} after."]
        kind, (old, new) = next(iter(self.sizes.items()))
        said.append(
            f"{kind}: {size(old.plain_bytes)} before, {size(new.plain_bytes)} after; "
            f"gzipped {size(old.gzip_bytes)} before, {size(new.gzip_bytes)} after."
        )
        return " ".join([*said, self._speed()])

    def _speed(self) -> str:
        before, after = self.latency_ms
        if self.is_faster:
            return (
                f"{before / after:.2f} times as fast on this machine ({milliseconds(before)} → {milliseconds(after)})."
            )
        verdict = "No speed gain" if after <= before * (1 + SAME_LATENCY) else "Slower"
        why = ": the kernels multiply by zeros like by any other number" if self.stage == "pruned" else ""
        return f"{verdict} on this machine ({milliseconds(before)} → {milliseconds(after)}){why}."

    def ledger(self) -> list[LedgerRow]:
        """Quality, sizes and latency, before and after."""
        name, before, after = self.metric_before_and_after
        rows = [LedgerRow(f"{name} ({self.after[-1].split})", percent(before), percent(after), points(after - before))]
        for kind, (old, new) in self.sizes.items():
            rows.append(_size_row(kind, old.plain_bytes, new.plain_bytes))
            rows.append(_size_row(f"{kind}, gzipped", old.gzip_bytes, new.gzip_bytes))
        old_ms, new_ms = self.latency_ms
        change = f"{old_ms / new_ms:.2f}×" if self.is_faster else "no gain"
        rows.append(LedgerRow("latency, LiteRT, 1 thread", milliseconds(old_ms), milliseconds(new_ms), change))
        return rows

    def to_json(self) -> dict[str, Any]:
        """The `compression` part of metrics.json."""
        name, before, after = self.metric_before_and_after
        return {
            "method": self.method,
            "metric": {"name": name, "split": self.after[-1].split, "before": before, "after": after},
            "size": {k: {"before": old.to_json(), "after": new.to_json()} for k, (old, new) in self.sizes.items()},
            "latency_ms": {"before": self.latency_ms[0], "after": self.latency_ms[1], "is_faster": self.is_faster},
            "layer_sparsity": dict(self.layer_sparsity),
            "untouched": dict(self.untouched),
            "conclusion": self.conclusion(),
            **self.facts,
        }


def write_shrunk_run(shrunk: Shrunk, target: Target, command: str) -> RunDirectory:
    """Write the run directory, whole or not at all."""

    def save(folder: Path) -> None:
        shrunk.model.save(folder / "model.keras")
        write_splits(folder / "splits.csv", shrunk.subject.dataset)
        write_history(folder / "history.csv", [shrunk.history])
        metrics = {**metrics_document(shrunk.after), "compression": shrunk.to_json()}
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        write_compression_report(folder / "report.html", _story(shrunk, target, folder))

    record = _record(shrunk, command)
    return write_run(NewRun(target.output, shrunk.subject.spec, record, force=target.force), save)


def _record(shrunk: Shrunk, command: str) -> dict[str, Any]:
    subject, history = shrunk.subject, shrunk.history
    return {
        "command": command,
        "arguments": dict(shrunk.arguments),
        "stage": shrunk.stage,
        "parent": str(shrunk.arguments["source"]),
        "seed": shrunk.arguments["seed"],
        "architecture": subject.record["architecture"],
        "data": {**subject.record["data"], "augment": augmentation_of(subject)},
        "best_epoch": [{"stage": shrunk.stage, "epoch": history.best_epoch, history.metric: history.best.val_metric}],
        "seconds": round(shrunk.seconds, 1),
        "tools": tool_versions(),
    }


def _story(shrunk: Shrunk, target: Target, folder: Path) -> CompressionStory:
    subject = shrunk.subject
    facts = {
        "Architecture": str(subject.record["architecture"]["name"]),
        "Data": str(subject.record["data"]["source"])
        + (", split here" if subject.is_foreign else ", the parent's splits"),
        "Epochs": f"{len(shrunk.history.records)}, best: {shrunk.history.best_epoch}",
        "Learning rate": f"{shrunk.arguments['learning_rate']:g}",
        **({"Notes": " ".join(subject.notes)} if subject.notes else {}),
    }
    return CompressionStory(
        name=target.output.name,
        parent=subject.name,
        method=shrunk.method,
        ledger=shrunk.ledger(),
        conclusion=shrunk.conclusion(),
        layer_sparsity=shrunk.layer_sparsity,
        target_sparsity=shrunk.target_sparsity,
        untouched=shrunk.untouched,
        history=read_history(folder / "history.csv", shrunk.history.metric),
        facts=facts,
        commands="\n".join(next_commands(shrunk.stage, target.output)),
    )


def next_commands(stage: str, output: Path) -> list[str]:
    """What to do with the new run."""
    convert = f"edgevision convert {output} -o {output.name}.evb"
    return [f"edgevision quantize {output} -o {output}-int8", convert] if stage == "pruned" else [convert]


def _size_row(kind: str, before: int, after: int) -> LedgerRow:
    change = f"{after / before - 1:+.0%}".replace("-", "−")
    return LedgerRow(kind, size(before), size(after), "0%" if change in ("+0%", "−0%") else change)
