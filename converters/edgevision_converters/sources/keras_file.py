"""A `.keras` or `.h5` file of Keras 2 (tf_keras) or Keras 3, plain or trained with quantization awareness."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision_converters import float_tflite
from edgevision_converters.sources import Shape
from edgevision_converters.sources.traced import TracedSource
from edgevision_converters.tensorflow_setup import keras as keras2
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor

_REFUSALS = (  # what Keras and h5py raise for a file that they cannot read
    *(ValueError, TypeError, KeyError, AttributeError, OSError, ImportError, IndexError),
    *(RuntimeError, zipfile.BadZipFile),
)
_HINT = "if it has custom or Lambda layers, save it as a SavedModel (model.export) and convert that"


class KerasSource(TracedSource):
    """A Keras model with one image input."""

    def __init__(self, path: Path) -> None:
        version, config = read_header(path)
        self.is_quantization_aware = "QuantizeWrapper" in config or "QuantizedLayer" in config
        self._model = load(path, version, is_quantization_aware=self.is_quantization_aware)
        if len(self._model.inputs) != 1:
            raise ModelError(f"{path}: the model has {len(self._model.inputs)} inputs", expected="one image input")
        kind = f"Keras {version.split('.')[0]} model" + (" with learned ranges" if self.is_quantization_aware else "")
        model = self._float_model
        shape = tuple(model.inputs[0].shape)
        super().__init__(kind, lambda image: model(image, training=False), shape, _output_names(self._model))

    @cached_property
    def _float_model(self) -> Any:
        if not self.is_quantization_aware:
            return self._model
        from edgevision_converters.sources.quantization_aware import strip

        return strip(self._model)

    def to_int8_tflite(self, shape: Shape) -> bytes:
        """An int8 .tflite with the ranges that the model has learned."""
        if not self.is_quantization_aware:
            return super().to_int8_tflite(shape)
        function = float_tflite.trace(lambda image: self._model(image, training=False), shape)
        return float_tflite.export(function, self.output_names, learned_int8=True)

    def predict_quantized(self, sample: Tensor) -> tuple[Tensor, ...]:
        """What the quantization-aware model itself says, with its fake quantization."""
        import numpy as np

        outputs = self._model(np.asarray(sample, np.float32)[None], training=False)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return tuple(np.asarray(output)[0] for output in outputs)


def read_header(path: Path) -> tuple[str, str]:
    """The Keras version that wrote a file, and its configuration as JSON text, without loading it.

    Raises:
        ModelError: a broken file, or one with weights only.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                metadata = json.loads(archive.read("metadata.json"))
                return str(metadata["keras_version"]), archive.read("config.json").decode()
        import h5py  # type: ignore[import-untyped]

        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise ModelError(
                    f"{path} holds weights only",
                    expected="a whole model",
                    hint="save it with model.save(), not weights",
                )
            return _text(file.attrs.get("keras_version", "2.0")), _text(file.attrs["model_config"])
    except (OSError, KeyError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is broken or truncated ({error})", expected="a whole .keras or .h5 file") from error


def load(path: Path, version: str, *, is_quantization_aware: bool = False) -> Any:
    """The model, by the Keras that wrote it.

    Raises:
        ModelError: a layer that is not known, or a broken file.
    """
    try:
        with _named_as_keras_wants(path) as named:
            if version.startswith("3"):
                import keras as keras3

                return keras3.models.load_model(named, compile=False)
            if is_quantization_aware:
                from edgevision_converters.fake_quantization import quantization_scope

                with quantization_scope():
                    return keras2.models.load_model(named, compile=False)
            return keras2.models.load_model(named, compile=False)
    except _REFUSALS as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"{path}: Keras {version} cannot load it ({reason})", hint=_HINT) from error


@contextmanager
def _named_as_keras_wants(path: Path) -> Iterator[Path]:
    """The file under a name that ends in .keras or .h5, by which Keras chooses how to read it."""
    suffix = ".keras" if zipfile.is_zipfile(path) else ".h5"
    if path.suffix == suffix:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"model{suffix}"
        named.symlink_to(path.resolve())
        yield named


def _output_names(model: Any) -> list[str]:
    names = [str(name) for name in getattr(model, "output_names", [])]
    return names if len(names) == len(model.outputs) else [f"output_{i}" for i in range(len(model.outputs))]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
