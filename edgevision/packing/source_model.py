"""What `convert` starts from: a run directory, which states everything, or a foreign model, of which a person must."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from edgevision.runs import RunDirectory
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.operations import Color, Layout, Normalize, Operation, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import make_spec
from edgevision_runtime.types import ModelSpec


@dataclass(frozen=True)
class Statement:
    """What a person says of a model that does not say it itself; None is "not stated"."""

    task: str | None = None
    labels: tuple[str, ...] | None = None
    preprocess: Preprocess | None = None  # whole; or the parts below
    resize: str | None = None  # squash | fit_shortest | letterbox
    size: tuple[int, int] | None = None
    pad: int | None = None  # letterbox: the grey level around the picture
    color: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float = 1.0
    layout: str = "NHWC"
    activation: str | None = None  # none | softmax
    output: int = 0
    threshold: float | None = None

    def is_empty(self) -> bool:
        """Nothing was stated."""
        return self == Statement()

    def parts(self) -> list[str]:
        """The flags that state a part of the contract."""
        nothing = Statement()
        names = ("resize", "size", "pad", "color", "scale", "mean", "std")
        return [f"--{name}" for name in names if getattr(self, name) != getattr(nothing, name)]


@dataclass(frozen=True)
class SourceModel:
    """A model file and everything that a bundle must know of it."""

    path: Path  # the model itself
    spec: ModelSpec
    created: str  # ISO 8601, UTC: when the source came about, so that the same source gives the same bundle
    splits: Path | None = None
    data: str | None = None  # what it was trained on
    evidence: dict[str, bytes] = field(default_factory=dict)  # members for the bundle's reports/

    @property
    def is_foreign(self) -> bool:
        """It did not come from a run directory."""
        return self.data is None

    def is_quantized(self) -> bool:
        """It is an int8 .tflite or .onnx already, which is packed as it is and needs no calibration.

        Raises:
            ModelError: the file is broken.
        """
        from edgevision_converters.inspect import describe

        if self.path.suffix not in (".tflite", ".onnx"):
            return False
        return describe(self.path.read_bytes()).actual_precision == "int8"


def open_source_model(path: Path, statement: Statement) -> SourceModel:
    """Open a run directory or a foreign model.

    Raises:
        UsageError: something is not stated, or stated twice, or a run of `pretrain`.
        ModelError: a run directory that is not whole.
    """
    if (path / "run.json").is_file():
        if not statement.is_empty():
            raise UsageError(
                f"{path} is a run directory and states its own contract",
                expected="no --task, --labels, --preprocess, --mean …",
            )
        return _from_run(RunDirectory.open(path))
    if not path.exists():
        raise UsageError(f"{path} is not there", expected="a run directory or a model file")
    if path.suffix == ".evb":
        raise UsageError(f"{path} is a bundle already", expected="the run directory or the model that it was made of")
    return SourceModel(path=path, spec=_stated_spec(path, statement), created=_modified(path))


def parse_labels(text: str) -> tuple[str, ...]:
    """Labels from a file with one a line, or from `a,b,c`.

    Raises:
        UsageError: no such file, fewer than two, or one that stands twice.
    """
    expected = "a file with one label a line, or a,b,c"
    if "," in text:
        labels = tuple(part.strip() for part in text.split(",") if part.strip())
    else:
        try:
            lines = Path(text).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"labels {text!r}", expected=expected) from error
        labels = tuple(line.strip() for line in lines if line.strip())
    if len(labels) < 2:
        raise UsageError(f"{len(labels)} labels in {text!r}", expected=f"two or more: {expected}")
    for position, label in enumerate(labels):
        if label in labels[:position]:
            raise UsageError(
                f"label {label!r} stands twice, at {labels.index(label) + 1} and {position + 1}",
                expected="distinct labels",
                hint=f"tell them apart, such as {label + ' 2'!r}",
            )
    return labels


def _from_run(run: RunDirectory) -> SourceModel:
    return SourceModel(
        path=run.model_path,
        spec=run.spec,
        created=str(run.record["created"]),
        splits=run.splits_path if run.splits_path.is_file() else None,
        data=str(run.record["data"]["source"]),
        evidence={
            "reports/metrics.json": run.metrics_path.read_bytes(),
            "reports/run.json": _public_record(run),
        },
    )


def _public_record(run: RunDirectory) -> bytes:
    """What a bundle tells of a run: nothing of this machine's paths."""
    public = {
        key: run.record[key] for key in ("stage", "architecture", "seed", "tools", "created") if key in run.record
    }
    data = {key: run.record["data"][key] for key in ("source", "images", "augment") if key in run.record["data"]}
    data["source"] = Path(str(data["source"])).name
    return (json.dumps({**public, "data": data}, indent=1, sort_keys=True, default=str) + "\n").encode()


def _stated_spec(path: Path, statement: Statement) -> ModelSpec:
    if statement.preprocess is not None and statement.parts():
        raise UsageError(
            f"the contract is stated twice: --preprocess and {', '.join(statement.parts())}", expected="one of them"
        )
    missing = [flag for flag, value in (("--task", statement.task), ("--labels", statement.labels)) if value is None]
    if statement.preprocess is None:
        missing += [
            flag
            for flag, value in (
                ("--resize", statement.resize),
                ("--size", statement.size),
                ("--color", statement.color),
                ("--mean", statement.mean),
                ("--std", statement.std),
                ("--pad", 0 if statement.resize != "letterbox" else statement.pad),
            )
            if value is None
        ]
    if statement.task != "segment" and statement.activation is None:
        missing.append("--activation")
    if missing:
        raise UsageError(
            f"{path.name} does not state its contract: {', '.join(missing)} not given",
            hint="state them (or --preprocess FILE.json); they are never guessed",
        )
    head = (
        Postprocess("segment", statement.output, layout=statement.layout, threshold=statement.threshold)
        if statement.task == "segment"
        else Postprocess("classify", statement.output, activation=statement.activation)
    )
    return make_spec(statement.task, statement.labels, statement.preprocess or _stated_contract(statement), head)


def _stated_contract(statement: Statement) -> Preprocess:
    stated = (statement.resize, statement.size, statement.color, statement.mean, statement.std)
    resize, size, color, mean, std = stated
    if resize is None or size is None or color is None or mean is None or std is None:
        raise UsageError("the contract is not stated whole")
    operations: list[Operation] = [Resize(size, resize, "bilinear", statement.pad), Color(color)]
    if (statement.scale, mean, std) != (1.0, (0.0,), (1.0,)):
        operations.append(Normalize(statement.scale, mean, std))
    if statement.layout == "NCHW":
        operations.append(Layout("NCHW"))
    return Preprocess(tuple(operations))


def _modified(path: Path) -> str:
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
