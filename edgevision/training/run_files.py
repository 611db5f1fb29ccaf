"""The files of a run directory that learning and shrinking write alike, and the way back from a run to its data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.csv_file import write_csv
from edgevision.runs import NewRun, RunDirectory, write_run
from edgevision.training.checkpoint import EpochRecord
from edgevision_runtime.errors import DataError, UsageError

if TYPE_CHECKING:
    from edgevision.data.dataset import Dataset
    from edgevision.training.evaluate import Evaluation

METRICS_SCHEMA = "edgevision.metrics/1"
SPLITS = ("train", "val", "test")
TOOLS = ("edgevision", "tensorflow", "tf_keras", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class StageHistory:
    """The epochs of one fitting: `train`, or `head` and then `fine-tune`."""

    stage: str
    metric: str  # macro_f1 | mean_iou
    records: tuple[EpochRecord, ...]
    best_epoch: int

    @property
    def best(self) -> EpochRecord:
        """The record of the epoch whose weights were kept."""
        return self.records[self.best_epoch - 1]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training, pruning or quantization-aware training ended with."""

    model: Any  # tf_keras
    dataset: Dataset  # split
    histories: Sequence[StageHistory]
    evaluations: Sequence[Evaluation]  # of val and, when there is one, test
    folders: Mapping[str, Path] = field(default_factory=dict)  # name in the run → what is copied there, when it exists
    notes: Sequence[str] = ()  # for the report, one sentence each


def write_training_run(run: NewRun, outcome: Outcome) -> RunDirectory:
    """Write the run directory: model.keras, metrics.json, history.csv, splits.csv beside spec.json and run.json."""
    from edgevision.data.splits import write_splits

    def save(folder: Path) -> None:
        outcome.model.save(folder / "model.keras")
        for name, source in outcome.folders.items():
            if source.is_dir():
                shutil.copytree(source, folder / name)
        write_splits(folder / "splits.csv", outcome.dataset)
        write_history(folder / "history.csv", outcome.histories)
        document = metrics_document(outcome.evaluations)
        (folder / "metrics.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        _write_report(folder, run, outcome)

    return write_run(run, save)


def metrics_document(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """The contents of metrics.json: for each split what `metrics.py` computes."""
    first = evaluations[0]
    return {
        "schema": METRICS_SCHEMA,
        "task": first.task,
        "labels": list(first.labels),
        "splits": {evaluation.split: evaluation.metrics for evaluation in evaluations},
    }


def write_history(path: Path, histories: Sequence[StageHistory]) -> None:
    """One row an epoch, numbered through all stages."""
    columns = ("loss", "val_loss", "metric", "val_metric", "learning_rate")
    records = [record for history in histories for record in history.records]
    rows = [
        [number, *(f"{getattr(one, column):.6g}" for column in columns), f"{one.seconds:.3f}"]
        for number, one in enumerate(records, start=1)
    ]
    write_csv(path, ("epoch", *columns, "seconds"), rows)


def _write_report(folder: Path, run: NewRun, outcome: Outcome) -> None:
    from edgevision.reports.stories import training_story
    from edgevision.reports.training_report import write_training_report

    story = training_story(folder, run.spec, run.record, outcome.evaluations[-1])
    story = replace(
        story,
        name=run.path.name,
        split_counts={name: _counts(outcome.dataset, name) for name in SPLITS},
        notes=outcome.notes,
        commands=f"edgevision convert {run.path} -o {run.path.name}.evb --precision float32,int8",
    )
    write_training_report(folder / "report.html", story)


def _counts(dataset: Dataset, split: str) -> dict[str, int]:
    """Images of each label in one split; of all labels together for masks."""
    if dataset.task == "classify":
        return dataset.counts(split)
    return {"images": sum(sample.split == split for sample in dataset.samples)}


def open_run_data(
    run: RunDirectory, source: str | None = None, log: Callable[[str], None] = lambda text: None
) -> Dataset:
    """The data that `run` was trained on, or the same at another place, `source`, with the run's splits.

    Raises:
        DataError: it is not there any more, or its files are not those of splits.csv.
        UsageError: its labels are not those of the run.
    """
    from edgevision.data.dataset import open_dataset
    from edgevision.data.packages import FetchOptions
    from edgevision.data.splits import read_splits

    dataset = open_dataset(source or _source_of(run), run.spec.task, options=FetchOptions(log=log))
    if dataset.labels != run.spec.labels:
        raise UsageError(
            f"the data's labels are {', '.join(dataset.labels)}", expected=f"the run's: {', '.join(run.spec.labels)}"
        )
    return read_splits(run.splits_path, dataset)


def _source_of(run: RunDirectory) -> str:
    """The name of the set, or the folder, wherever the command now runs."""
    from edgevision.data.datasets import NAMED

    data = run.record["data"]
    if data["source"] in NAMED:
        return str(data["source"])
    folder = Path(str(data.get("root") or data["source"]))
    if not folder.is_dir():
        raise DataError(f"{folder}, which {run.path} was trained on, is not there", hint="say where it is: --data DATA")
    return str(folder)


def tool_versions() -> dict[str, str]:
    """The versions that a run's record names."""
    return {name: version(name) for name in TOOLS}
