"""What a conversion is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.types import Variant

if TYPE_CHECKING:
    from edgevision_runtime.postprocess import Postprocess
    from edgevision_runtime.types import Tensor

FORMATS = ("tflite", "onnx")
PRECISIONS = ("float32", "float16", "int8", "dynamic", "int16x8")
IO_DTYPES = ("float32", "int8", "uint8")

Samples = Sequence["Tensor"]  # contract outputs: float32 or uint8, no batch axis
Progress = Callable[[str, int, int], None]  # label, done, total


@dataclass(frozen=True)
class ModelFacts:
    """What the converted files shall say of themselves (TFLite Metadata, ONNX metadata_props)."""

    name: str = "model"
    task: str = "classify"  # classify | segment
    labels: tuple[str, ...] = ()
    preprocess: dict[str, Any] | None = None  # the contract's JSON
    mean: tuple[float, ...] = (0.0,)  # normalization that the caller applies before the model: (x - mean) / std
    std: tuple[float, ...] = (1.0,)
    postprocess: Postprocess | None = None  # how the output is read; checked against what the source puts out


@dataclass(frozen=True)
class ConvertPlan:
    """What to make of a model.

    Raises:
        UsageError: an unknown format, precision or I/O dtype, or a range that is none.
    """

    formats: tuple[str, ...] = ("tflite",)
    precisions: tuple[str, ...] = ("float32", "int8")
    io_dtype: str = "float32"  # of int8 .tflite files; int8 .onnx files keep float32
    batch: int | None = 1  # None: dynamic
    input_range: tuple[float, float] | None = None  # of the input tensor; None: as the samples are
    facts: ModelFacts = field(default_factory=ModelFacts)

    def __post_init__(self) -> None:
        for kind, given, known in (
            ("format", self.formats, FORMATS),
            ("precision", self.precisions, PRECISIONS),
            ("I/O dtype", (self.io_dtype,), IO_DTYPES),
        ):
            for value in given:
                _check_choice(kind, value, known)
            if not given:
                raise UsageError(f"no {kind} to convert to", expected=" | ".join(known))
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch {self.batch}", expected="1 or more, or dynamic")
        if self.input_range is not None and not self.input_range[0] < self.input_range[1]:
            raise UsageError(f"input range {self.input_range}", expected="(low, high) with low < high")


@dataclass(frozen=True, eq=False)
class ConvertedModel:
    """One converted file."""

    variant: Variant
    data: bytes
    notes: tuple[str, ...] = ()  # what a person should know of how it came about


@dataclass(frozen=True)
class Skipped:
    """A combination that was asked for and does not exist."""

    format: str
    precision: str
    reason: str


@dataclass(frozen=True, eq=False)
class Conversion:
    """What `convert` gives back."""

    models: tuple[ConvertedModel, ...]
    skipped: tuple[Skipped, ...]
    reference_difference: dict[str, float]  # variant name: largest |output - source model's output| on the samples
    report: dict[str, Any]  # JSON: source, per-model census, differences and tolerances, seconds, tools
    calibration: dict[str, Any]  # JSON: samples, ranges per tensor; empty when nothing was calibrated


def _check_choice(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"unknown {kind} {value!r}", expected=" | ".join(known), hint=did_you_mean(value, known))
