"""The run directory: what learning and shrinking read and write, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgevision_runtime.atomic import atomic_folder, check_place, refuse_to_overwrite
from edgevision_runtime.errors import ModelError, UsageError
from edgevision_runtime.spec import EMBED, read_spec, spec_to_json
from edgevision_runtime.types import ModelSpec

SCHEMA = "edgevision.run/1"


@dataclass(frozen=True)
class RunDirectory:
    """One finished run: a model, what it means, and how it came about."""

    path: Path
    spec: ModelSpec
    record: dict[str, Any]  # run.json: created, command, arguments, architecture, data, parent, seed, stage, tools

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Read a run directory.

        Raises:
            ModelError: it is not one, or not a whole one.
        """
        if not path.is_dir():
            raise ModelError(f"{path}: no such run directory", expected="what `edgevision train` wrote")
        for name in ("model.keras", "spec.json", "run.json"):
            if not (path / name).is_file():
                raise ModelError(f"{path}: {name} is missing", expected="a whole run directory", hint="train again")
        try:
            record = json.loads((path / "run.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{path / 'run.json'}: {error}", expected="JSON") from error
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise ModelError(f"{path / 'run.json'}: schema is not {SCHEMA}", expected=SCHEMA)
        if missing := [name for name in ("stage", "data") if name not in record]:
            raise ModelError(f"{path / 'run.json'} does not say: {', '.join(missing)}", expected="a whole record")
        return cls(path, read_spec(path / "spec.json"), record)

    @property
    def model_path(self) -> Path:
        """The tf_keras model."""
        return self.path / "model.keras"

    @property
    def metrics_path(self) -> Path:
        """What was measured, as JSON."""
        return self.path / "metrics.json"

    @property
    def splits_path(self) -> Path:
        """Which picture stood in which split."""
        return self.path / "splits.csv"

    @property
    def stage(self) -> str:
        """One of pretrained, trained, pruned, quantized (that is: quantization-aware trained)."""
        return str(self.record["stage"])

    def require_labels(self) -> None:
        """Refuse a run of `pretrain`, which nothing but learning can go on from.

        Raises:
            UsageError: it gives features of a picture and no labels.
        """
        if self.spec.task == EMBED:
            raise UsageError(
                f"{self.path} learned without labels and names none yet",
                expected="a run that tells labels apart",
                hint=f"`edgevision train DATA --weights {self.path}` makes one of labelled pictures, "
                f"`edgevision cluster DATA --model {self.path}` and `edgevision label` of others",
            )

    def metrics(self) -> dict[str, Any]:
        """The contents of metrics.json."""
        document: dict[str, Any] = json.loads(self.metrics_path.read_text(encoding="utf-8"))
        return document


@dataclass(frozen=True)
class NewRun:
    """What goes into a run directory beside the files that `save` writes."""

    path: Path
    spec: ModelSpec
    record: dict[str, Any]
    force: bool = False


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse early, before hours of training, a place that `write_run` would refuse late.

    Raises:
        UsageError: it exists and `force` is not given, or it exists and is no run directory of ours, or nothing can be
            written there.
    """
    if path.name in ("", ".."):
        raise UsageError(f"{path} is no name for a new run", expected="such as runs/NAME")
    refuse_to_overwrite(path, force=force)
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]) and not (path / "run.json").is_file():
        raise UsageError(f"{path} exists and is not a run directory", hint="choose another name")
    check_place(path)


def write_run(run: NewRun, save: Callable[[Path], None]) -> RunDirectory:
    """Write a run directory: `save(folder)` adds model.keras and the rest to a temporary folder, then it is renamed."""
    check_writable(run.path, force=run.force)
    with atomic_folder(run.path) as folder:
        save(folder)
        (folder / "spec.json").write_text(json.dumps(spec_to_json(run.spec), indent=2) + "\n", encoding="utf-8")
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        record = {"schema": SCHEMA, "created": created, **run.record}
        (folder / "run.json").write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")
        if not (folder / "model.keras").is_file():
            raise ModelError("the run has no model.keras", expected="save() to write one")
    return RunDirectory.open(run.path)
