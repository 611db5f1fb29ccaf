"""What is to be shrunk: the network, what it means, and the data it was trained on, from a run or a foreign model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.compression.keras3 import Rebuilt, is_keras3, rebuild_keras3
from edgevision.data.dataset import Dataset, name_some, open_dataset
from edgevision.data.packages import FetchOptions
from edgevision.data.pipeline import image_pipeline
from edgevision.data.splits import SplitPlan, split
from edgevision.runs import RunDirectory
from edgevision.tensorflow_setup import keras
from edgevision.training.load import load_model
from edgevision.training.run_files import open_run_data
from edgevision_runtime.errors import ModelError, UsageError
from edgevision_runtime.types import ModelSpec

if TYPE_CHECKING:
    from edgevision.packing.source_model import Statement

COMPARED_IMAGES = 16

Log = Callable[[str], None]


@dataclass(frozen=True)
class Origin:
    """Where to find it.

    Raises:
        UsageError: a foreign model without `data`.
    """

    path: Path  # a run directory, or a .keras or .h5 file
    statement: Statement | None = None  # what a person says of a foreign model
    data: str | None = None  # None: what the run was trained on
    seed: int = 0  # of the split, for a foreign model

    @property
    def is_run(self) -> bool:
        """It is a run directory."""
        return self.path.is_dir()


@dataclass(frozen=True, eq=False)
class Subject:
    """A network to shrink."""

    name: str
    model: Any  # tf_keras, float or quantization-aware
    spec: ModelSpec
    dataset: Dataset  # split
    record: dict[str, Any]  # of the run it comes from; for a foreign model the same fields, made up from what is known
    notes: tuple[str, ...] = ()
    is_foreign: bool = False  # not from a run directory: its splits were made here

    @property
    def stage(self) -> str:
        """One of trained, pruned, quantized."""
        return str(self.record["stage"])

    def argument(self, name: str, default: Any) -> Any:
        """What the parent was trained with, such as its loss; `default` when it does not say."""
        value = self.record.get("arguments", {}).get(name)
        return default if value is None else value


def open_subject(origin: Origin, log: Log = lambda text: None) -> Subject:
    """Open a run directory, or a Keras 2 or 3 file that a person states the contract of; `log` hears of downloads.

    Raises:
        ModelError: it cannot be read, or holds a layer that cannot be carried over.
        UsageError: something is not stated, or data and labels do not fit each other.
    """
    if not origin.path.exists():
        raise UsageError(f"{origin.path} is not there", expected="a run directory, or a .keras or .h5 file")
    if origin.is_run:
        return _from_run(RunDirectory.open(origin.path), origin, log)
    if origin.path.suffix not in (".keras", ".h5", ".hdf5"):
        raise UsageError(f"{origin.path} is neither a run directory nor a .keras or .h5 file")
    return _from_file(origin, log)


def _from_run(run: RunDirectory, origin: Origin, log: Log) -> Subject:
    if origin.statement is not None and not origin.statement.is_empty():
        raise UsageError(f"{run.path} is a run and states its own contract", expected="no --task, --labels, --mean …")
    run.require_labels()
    record = dict(run.record)
    if origin.data is not None:
        record["data"] = {**record["data"], "source": origin.data}
    dataset = open_run_data(run, origin.data, log)
    record["data"] = {**record["data"], "root": str(dataset.root.absolute())}
    return Subject(run.path.name, load_model(run), run.spec, dataset, record, tuple(_left_out(dataset)))


def _from_file(origin: Origin, log: Log) -> Subject:
    from edgevision.packing.source_model import Statement, open_source_model

    spec = open_source_model(origin.path, origin.statement or Statement()).spec
    if origin.data is None:
        raise UsageError(f"{origin.path} does not say what it was trained on", hint="--data DATA: labelled images")
    rebuilt = rebuild_keras3(origin.path) if is_keras3(origin.path) else None
    model, spec = _with_probabilities(rebuilt.model if rebuilt else load_model(origin.path), spec)
    _check_shapes(model, spec)
    model, had_softmax = _without_softmax(model) if spec.task == "segment" else (model, False)
    dataset = open_dataset(origin.data, spec.task, options=FetchOptions(log=log))
    if dataset.labels != spec.labels:
        raise UsageError(
            f"the data's labels are {', '.join(dataset.labels)}", expected=f"the model's: {', '.join(spec.labels)}"
        )
    record = {
        "stage": "trained",
        "architecture": {"name": model.name, "parameters": int(model.count_params())},
        "data": {"source": origin.data, "root": str(dataset.root.absolute()), "augment": None},
        "arguments": {},
    }
    dataset = split(dataset, SplitPlan(origin.seed))
    notes = _left_out(dataset)
    if rebuilt:
        notes.append(_compared(rebuilt, spec, dataset))
    if had_softmax:
        notes.append("The softmax at its end was taken off: masks are learned on logits, and the largest stays so.")
    notes.append(f"The splits were made here (seed {origin.seed}): test pictures may be ones it was trained on.")
    return Subject(origin.path.stem, model, spec, dataset, record, tuple(notes), is_foreign=True)


def _left_out(dataset: Dataset) -> list[str]:
    """One note on the files that could not be used."""
    reasons = [one.reason for one in dataset.skipped]
    return [f"{len(reasons)} files were left out: {name_some(reasons)}."] if reasons else []


def _compared(rebuilt: Rebuilt, spec: ModelSpec, dataset: Dataset) -> str:
    """Hold the rebuilt network against the Keras 3 one on real pictures; says how far apart they are."""
    samples = dataset.of_split("val")[:COMPARED_IMAGES]
    images, _ = next(iter(image_pipeline(samples, spec, batch=COMPARED_IMAGES)))
    difference = rebuilt.check(np.asarray(images))
    dropped = f"; left out, for training only: {', '.join(rebuilt.dropped)}" if rebuilt.dropped else ""
    how = f"within {difference:.1g} of their range" if difference else "the same bits"
    return f"Rebuilt from Keras 3: outputs on {len(samples)} pictures {how}{dropped}."


def _with_probabilities(model: Any, spec: ModelSpec) -> tuple[Any, ModelSpec]:
    """A classifier that ends in logits gets its softmax, because ours are trained on probabilities."""
    if spec.postprocess.activation != "softmax":
        return model, spec
    outputs = keras.layers.Softmax(name="probabilities")(model.outputs[spec.postprocess.output])
    postprocess = replace(spec.postprocess, activation="none", output=0)
    return keras.Model(model.inputs, outputs, name=model.name), replace(spec, postprocess=postprocess)


def _without_softmax(model: Any) -> tuple[Any, bool]:
    """A segmenter that ends in probabilities becomes one that ends in logits, as the losses take it.

    Returns the network and whether there was a softmax; the given one is not changed.
    """
    last = model.outputs[0]._keras_history.layer
    if isinstance(last, keras.layers.Softmax) and last.axis in (-1, 3):
        return keras.Model(model.inputs, last.input, name=model.name), True
    if getattr(last, "activation", None) is not keras.activations.softmax:
        return model, False
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.get_layer(last.name).activation = keras.activations.linear
    return twin, True


def _check_shapes(model: Any, spec: ModelSpec) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(
            f"the model has {len(model.inputs)} inputs and {len(model.outputs)} outputs",
            expected="one picture in, one answer out",
        )
    expected, found = spec.preprocess.shape, tuple(model.inputs[0].shape[1:])
    if any(size not in (None, wanted) for size, wanted in zip(found, expected, strict=False)) or len(found) != 3:
        raise ModelError(f"the model takes {found}", expected=f"what the contract makes: {expected}")
    output = tuple(model.outputs[0].shape)
    if output[-1] != len(spec.labels) or len(output) != (2 if spec.task == "classify" else 4):
        raise ModelError(
            f"the model's output is {output}",
            expected=f"a last axis of {len(spec.labels)} labels, for task {spec.task}",
        )
