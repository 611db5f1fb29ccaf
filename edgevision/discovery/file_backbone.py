"""A model file of somebody else's as a backbone: .keras, .h5, a SavedModel, .tflite or .onnx.

Such a file does not say how a picture becomes its input, and nobody guesses: the contract stands beside it, as
`NAME.preprocess.json`. The features of a Keras model are what its last dense layer reads, those of any other file its
first output; maps are averaged over their places.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgevision.discovery.backbones import fingerprint_of
from edgevision.tensorflow_setup import keras as keras2
from edgevision.tensorflow_setup import tf
from edgevision_converters.sources import open_source
from edgevision_converters.sources.keras_file import load, read_header
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors, Weighing
    from edgevision_converters.sources import Shape
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
            ModelError: it cannot be read, has no features to give, or does not take what its contract makes.
            UsageError: its contract is not stated.
            ContractError: what is stated is none.
        """
        if not path.exists():
            raise ModelError(f"{path}: no such file or folder", expected="a model")
        self.title, self.preprocess = path.name, _stated_contract(path)
        self._network = _before_the_head(path) if path.suffix in KERAS else open_source(path)
        if self.preprocess.size is not None:
            self._refuse_misfit(self.preprocess.shape)
        self.fingerprint = fingerprint_of(path.name, self.preprocess, _content(path))

    def features(self, images: Sequence[Image]) -> Vectors:
        """See `Backbone`. Raises ModelError when what the contract makes of a picture does not suit the network."""
        return np.stack([_one_row(self._answer(self.preprocess(image))) for image in images])

    def _answer(self, sample: Tensor) -> Tensor:
        self._refuse_misfit(sample.shape)  # also by the picture, where the contract states no size
        takes_no_channels = len(self._network.input_shape) == sample.ndim
        return self._network.predict(sample[..., 0] if takes_no_channels else sample)[0]

    def _refuse_misfit(self, made: tuple[int, ...]) -> None:
        """Some networks would take a wrong shape in silence, others say it in many lines."""
        takes = self._network.input_shape[1:]
        seen = made[:-1] if made[-1] == 1 and len(takes) == 2 else made  # grey without an axis for its channel
        if len(takes) != len(seen) or any(size not in (None, one) for size, one in zip(takes, seen, strict=True)):
            raise ModelError(
                f"the contract of {self.title} makes {_sizes(made)}, and its network takes {_sizes(takes)}",
                hint="state the resize, colour and layout that it was trained with",
            )


class _Network(Protocol):
    """As `Source`: what is asked of one here."""

    input_shape: Shape

    def predict(self, sample: Tensor) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True)
class _Headless:
    """A Keras model up to what its last dense layer reads."""

    model: Any
    input_shape: Shape

    def predict(self, sample: Tensor) -> tuple[Tensor, ...]:
        try:
            return (np.asarray(self.model(np.asarray(sample, np.float32)[None], training=False))[0],)
        except (ValueError, tf.errors.InvalidArgumentError) as error:  # such as a picture smaller than its filters
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"the model does not take an input of {_sizes(sample.shape)}: {reason}") from error


def _stated_contract(path: Path) -> Preprocess:
    name = path.name if path.is_dir() else path.stem  # a folder's may have dots, such as mobilenet_v2_1.0_224
    beside = path.with_name(f"{name}.preprocess.json")
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


def _before_the_head(path: Path) -> _Headless:
    version, _ = read_header(path)
    model = load(path, version)
    if len(model.inputs) != 1:
        raise ModelError(f"{path}: the model has {len(model.inputs)} inputs", expected="one image input")
    dense = [layer for layer in model.layers[-HEAD:] if type(layer).__name__ == "Dense"]
    features = dense[-1].input if dense else model.outputs[0]
    return _Headless(_model_class(version)(model.inputs, features), tuple(model.inputs[0].shape))


def _model_class(version: str) -> Any:
    if version.startswith("3"):
        import keras as keras3

        return keras3.Model
    return keras2.Model


def _sizes(shape: Shape) -> str:
    return " × ".join("any" if size is None else str(size) for size in shape)


def _one_row(output: Tensor) -> Vectors:
    row = np.asarray(output, np.float32)
    return row.mean(axis=(0, 1)) if row.ndim == 3 else row.ravel()


def _content(path: Path) -> list[Any]:
    files = [path] if path.is_file() else sorted(entry for entry in path.rglob("*") if entry.is_file())
    return [np.frombuffer(file.read_bytes(), np.uint8) for file in files]
