"""A model file of somebody else's as a backbone: .keras, .h5, a SavedModel, .tflite or .onnx.

Such a file does not say how a picture becomes its input, and nobody guesses: the contract stands beside it, as
`NAME.preprocess.json`. The features of a Keras model are what its last dense layer reads, those of any other file its
first output; maps are averaged over their places.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.discovery.backbones import fingerprint_of
from edgevision_converters.sources import open_source
from edgevision_converters.sources.keras_file import load, read_header
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors, Weighing
    from edgevision_runtime.types import Image, Tensor

SUFFIXES = (".keras", ".h5", ".tflite", ".onnx")
KERAS = (".keras", ".h5")
HEAD = 3  # layers from the end among which a head's dense layer is: itself, its activation, a reshape


def is_model_file(path: Path) -> bool:
    """Whether a path is one of these."""
    return path.suffix in SUFFIXES or (path / "saved_model.pb").is_file()


class FileBackbone:
    """What such a file says of a picture, one picture after the other."""

    weighing: Weighing = "equal"

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            ModelError: it cannot be read, or has no features to give.
            UsageError: its contract is not stated.
            ContractError: what is stated is none.
        """
        if not path.exists():
            raise ModelError(f"{path}: no such file or folder", expected="a model")
        self.title, self.preprocess = path.name, _stated_contract(path)
        self._say = _before_the_head(path) if path.suffix in KERAS else open_source(path).predict
        self.fingerprint = fingerprint_of(path.name, self.preprocess, _content(path))

    def features(self, images: Sequence[Image]) -> Vectors:
        """See `Backbone`."""
        return np.stack([_one_row(self._say(self.preprocess(image))[0]) for image in images])


def _stated_contract(path: Path) -> Preprocess:
    beside = path.with_suffix(".preprocess.json")
    if not beside.is_file():
        raise UsageError(
            f"{path} does not say how a picture becomes its input",
            expected=f"its contract as {beside}",
            hint="docs/contract.md has the form; or `edgevision convert` it, and take the bundle",
        )
    try:
        document = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{beside} is no JSON ({error})", expected="a contract") from error
    return Preprocess.from_json(document)


def _before_the_head(path: Path) -> Callable[[Tensor], tuple[Tensor, ...]]:
    version, _ = read_header(path)
    model = load(path, version)
    dense = [layer for layer in model.layers[-HEAD:] if type(layer).__name__ == "Dense"]
    features = dense[-1].input if dense else model.outputs[0]
    cut = _model_class(version)(model.inputs, features)
    return lambda sample: (np.asarray(cut(np.asarray(sample, np.float32)[None], training=False))[0],)


def _model_class(version: str) -> Any:
    if version.startswith("3"):
        import keras as keras3

        return keras3.Model
    from edgevision.tensorflow_setup import keras as keras2

    return keras2.Model


def _one_row(output: Tensor) -> Vectors:
    row = np.asarray(output, np.float32)
    return row.mean(axis=(0, 1)) if row.ndim == 3 else row.ravel()


def _content(path: Path) -> list[Any]:
    files = [path] if path.is_file() else sorted(entry for entry in path.rglob("*") if entry.is_file())
    return [np.frombuffer(file.read_bytes(), np.uint8) for file in files]
