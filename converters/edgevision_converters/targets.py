"""What can be made of a source, and how: one row for each format and precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from edgevision_converters import learned_ranges, quantize_tflite, ranges
from edgevision_converters.flatbuffer import normalized, with_io_dtype, with_wide_weights
from edgevision_converters.inspect import describe, require_precision
from edgevision_converters.plan import ConvertPlan, Progress, Samples
from edgevision_converters.sources import Shape, Source
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_converters.ranges import Ranges

# onnx2tf, the one kept converter, pins TensorFlow 2.19 and numpy 1.26: it does not install beside TensorFlow 2.21.
NO_WAY_FROM_ONNX = (
    "an ONNX file cannot become TensorFlow Lite here; convert the Keras model or SavedModel that it came from, "
    "or the float .tflite that onnx2tf makes of it in an environment of its own"
)

Made = tuple[bytes, tuple[str, ...]]  # file content, notes


class Workbench:
    """One source on its way to several files; what several of them need is made once."""

    def __init__(self, source: Source, plan: ConvertPlan, samples: Samples, on_progress: Progress) -> None:
        self.source, self.plan, self.samples, self.on_progress = source, plan, samples, on_progress
        self.shape: Shape = (plan.batch, *samples[0].shape)

    @cached_property
    def float_tflite(self) -> bytes:
        """The one float .tflite that everything else comes from."""
        self.on_progress("export float .tflite", 0, 1)
        return normalized(with_wide_weights(self.source.to_tflite(self.shape)))

    @cached_property
    def float_onnx(self) -> bytes:
        """The source's own .onnx, or the one made of the float .tflite."""
        self.on_progress("export float .onnx", 0, 1)
        own = self.source.to_onnx(self.shape)
        if own is not None:
            return own
        from edgevision_converters.float_onnx import tflite_to_onnx

        return tflite_to_onnx(self.float_tflite)

    @cached_property
    def prepared_onnx(self) -> bytes:
        """The float .onnx as onnxruntime's quantizer wants it."""
        from edgevision_converters.quantize_onnx import prepare

        return prepare(self.float_onnx)

    @cached_property
    def learned_int8(self) -> bytes:
        """The int8 .tflite of a quantization-aware model, by its learned ranges; int8 I/O."""
        return self.source.to_int8_tflite(self.shape)

    @cached_property
    def tflite_ranges(self) -> Ranges:
        """Calibrated ranges of the float .tflite."""
        found = ranges.tflite_ranges(self.float_tflite, self.samples, self.on_progress)
        return self._with_input_range(found)

    @cached_property
    def onnx_ranges(self) -> Ranges:
        """Calibrated ranges of the prepared .onnx."""
        from edgevision_converters.quantize_onnx import onnx_ranges

        return self._with_input_range(onnx_ranges(self.prepared_onnx, self.samples, self.on_progress))

    def calibration(self) -> dict[str, object]:
        """What was calibrated, as JSON; nothing when nothing was."""
        made: dict[str, object] = {
            name: self.__dict__[name] for name in ("tflite_ranges", "onnx_ranges") if name in self.__dict__
        }
        if not made:
            return {}
        return {"samples": len(self.samples), "input_range": self.plan.input_range, **made}

    def _with_input_range(self, found: Ranges) -> Ranges:
        if self.plan.input_range is None:
            return found
        name = next(iter(found))  # the input comes first
        return found | {name: self.plan.input_range}


def make(bench: Workbench, model_format: str, precision: str) -> Made:
    """One file. Its census is what its name says.

    Raises:
        ModelError: it cannot be made, or it is not what it should be.
    """
    data, notes = TARGETS[model_format, precision](bench)
    require_precision(describe(data), precision)
    return data, notes


def refusal(source: Source, model_format: str, precision: str) -> str | None:
    """Why there is no such target for this source; None: there is."""
    if (model_format, precision) not in TARGETS:
        return "onnxruntime has no int8 weights with int16 activations; use int8 or float16"
    if source.format == "onnx" and model_format == "tflite":
        return NO_WAY_FROM_ONNX
    if source.precision == "float32" or _has_half_weights(source):
        return None
    if (source.format, source.precision) == (model_format, precision):
        return None
    return f"the source is {source.precision} already and is packed as it is; {precision} needs the float32 model"


def _has_half_weights(source: Source) -> bool:
    """A .tflite with float16 weights: they can be widened to float32, which is exact."""
    return (source.format, source.precision) == ("tflite", "float16")


def _packed(bench: Workbench) -> Made:
    data = bench.source.to_tflite(bench.shape) if bench.source.format == "tflite" else bench.float_onnx
    return data, ("packed as it was",)


def _float32_tflite(bench: Workbench) -> Made:
    notes: tuple[str, ...] = ()
    if bench.source.is_quantization_aware:
        notes = ("weights of the quantization-aware model without its fake quantization",)
    if _has_half_weights(bench.source):
        notes = ("weights widened from float16: no more precise than the source",)
    return bench.float_tflite, notes


def _int8_tflite(bench: Workbench) -> Made:
    if bench.source.precision == "int8":
        return _packed(bench)
    if bench.source.is_quantization_aware:
        return with_io_dtype(bench.learned_int8, bench.plan.io_dtype), ("ranges: learned in training",)
    data, by = quantize_tflite.to_int8(bench.float_tflite, bench.tflite_ranges, bench.plan.io_dtype)
    return data, (f"ranges: {len(bench.samples)} samples", f"quantized by {by}")


def _int16x8_tflite(bench: Workbench) -> Made:
    return quantize_tflite.to_int16x8(bench.float_tflite, bench.tflite_ranges), (
        f"ranges: {len(bench.samples)} samples",
        "LiteRT runs int16 activations on its reference kernels: slow",
    )


def _dynamic_tflite(bench: Workbench) -> Made:
    if bench.source.precision == "dynamic":
        return _packed(bench)
    notes = ("smaller, but slower than float32 on convolutions: prefer int8",)
    return quantize_tflite.to_dynamic(bench.float_tflite), notes


def _float16_tflite(bench: Workbench) -> Made:
    if _has_half_weights(bench.source):
        return _packed(bench)
    return quantize_tflite.to_float16(bench.float_tflite), ()


def _float32_onnx(bench: Workbench) -> Made:
    return _packed(bench) if bench.source.format == "onnx" else (bench.float_onnx, ())


def _int8_onnx(bench: Workbench) -> Made:
    from edgevision_converters import quantize_onnx

    if bench.source.precision == "int8":
        return _packed(bench)
    ranges_, origin = bench.onnx_ranges, f"ranges: {len(bench.samples)} samples"
    if bench.source.is_quantization_aware:
        learned = learned_ranges.of_tflite(bench.learned_int8, bench.float_tflite)
        ranges_ = learned_ranges.onto_onnx(learned, ranges_, bench.prepared_onnx)
        origin = (
            f"ranges: {len(learned)} learned in training, the others from {len(bench.samples)} samples"
            if learned
            else f"{origin}; the learned ones are in the .tflite only"
        )
    return quantize_onnx.to_int8(bench.prepared_onnx, ranges_), (origin, "QDQ, input and output float32")


def _dynamic_onnx(bench: Workbench) -> Made:
    from edgevision_converters import quantize_onnx

    if bench.source.precision == "dynamic":
        return _packed(bench)
    return quantize_onnx.to_dynamic(bench.prepared_onnx), ("slower than float32 on convolutions: prefer int8",)


def _float16_onnx(bench: Workbench) -> Made:
    from edgevision_converters import quantize_onnx

    if (bench.source.format, bench.source.precision) == ("onnx", "float16"):
        return _packed(bench)
    return quantize_onnx.to_float16(bench.float_onnx), ("for GPUs: CPUs widen it to float32 at each operator",)


TARGETS: dict[tuple[str, str], Callable[[Workbench], Made]] = {
    ("tflite", "float32"): _float32_tflite,
    ("tflite", "float16"): _float16_tflite,
    ("tflite", "int8"): _int8_tflite,
    ("tflite", "dynamic"): _dynamic_tflite,
    ("tflite", "int16x8"): _int16x8_tflite,
    ("onnx", "float32"): _float32_onnx,
    ("onnx", "float16"): _float16_onnx,
    ("onnx", "int8"): _int8_onnx,
    ("onnx", "dynamic"): _dynamic_onnx,
}


def require_something(wanted: list[tuple[str, str]], reasons: list[str]) -> None:
    """Raise ModelError when nothing of what was asked for can be made."""
    if not wanted:
        raise ModelError(f"nothing can be converted: {reasons[0]}", expected="another --to or --precision")
