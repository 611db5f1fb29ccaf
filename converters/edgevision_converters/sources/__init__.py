"""The kinds of models that can be converted: recognised by content, one file for each kind, one row here."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor

Shape = tuple[int | None, ...]  # of the input, with the batch axis; None where it is dynamic


class Source(Protocol):
    """A model to convert. `shape` is always the input's, with the batch axis."""

    kind: str  # what people call it: "Keras 3 model"
    format: str  # keras | tflite | onnx
    precision: str  # float32, or what the file has been quantized to already
    is_quantization_aware: bool  # trained with learned ranges
    input_shape: Shape

    def predict(self, sample: Tensor) -> tuple[Tensor, ...]:
        """The float outputs for one sample, no batch axes; float32."""
        ...

    def to_tflite(self, shape: Shape) -> bytes:
        """A float32 .tflite with that input shape; ModelError when there is no way."""
        ...

    def to_int8_tflite(self, shape: Shape) -> bytes:
        """An int8 .tflite with the ranges that a quantization-aware model has learned; ModelError for others."""
        ...

    def to_onnx(self, shape: Shape) -> bytes | None:
        """A float32 .onnx with that input shape; None: make it from the .tflite."""
        ...


class SourceKind(NamedTuple):
    """How to recognise a kind of model, and who opens it."""

    name: str
    recognises: Callable[[Path], bool]
    module: str
    type: str


def open_source(path: Path) -> Source:
    """Open a model by what is in it, whatever its name.

    Raises:
        ModelError: no such file, a kind that is not known, or a broken file.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such file or folder", expected="a model")
    for kind in SOURCES:
        if kind.recognises(path):
            source: Source = getattr(importlib.import_module(kind.module), kind.type)(path)
            return source
    what = "an empty file" if path.is_file() and path.stat().st_size == 0 else "no model that edgevision knows"
    raise ModelError(f"{path} is {what}", expected=", ".join(kind.name for kind in SOURCES))


def _is_saved_model(path: Path) -> bool:
    return (path / "saved_model.pb").is_file()


def _starts_with(path: Path, offset: int, magic: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(offset + len(magic))[offset:] == magic


def _is_keras_archive(path: Path) -> bool:
    if not _starts_with(path, 0, b"PK\x03\x04") or not zipfile.is_zipfile(path):
        return path.suffix == ".keras" and path.is_file()  # broken: its own file says so
    with zipfile.ZipFile(path) as archive:
        return {"config.json", "metadata.json"} <= set(archive.namelist())


def _is_onnx(path: Path) -> bool:
    """ONNX has no magic number: field 1 (ir_version) comes first in what every exporter writes."""
    return path.is_file() and (path.suffix == ".onnx" or _starts_with(path, 0, b"\x08"))


_HERE = "edgevision_converters.sources"
SOURCES: tuple[SourceKind, ...] = (
    SourceKind("a SavedModel folder", _is_saved_model, f"{_HERE}.saved_model", "SavedModelSource"),
    SourceKind("a .keras file", _is_keras_archive, f"{_HERE}.keras_file", "KerasSource"),
    SourceKind("an .h5 file", lambda p: _starts_with(p, 0, b"\x89HDF\r\n"), f"{_HERE}.keras_file", "KerasSource"),
    SourceKind("a .tflite file", lambda p: _starts_with(p, 4, b"TFL3"), f"{_HERE}.tflite_file", "TFLiteSource"),
    SourceKind("an .onnx file", _is_onnx, f"{_HERE}.onnx_file", "OnnxSource"),
)
