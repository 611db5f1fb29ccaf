"""Calibration: the smallest and largest value of every activation over real samples.

Every activation becomes an output of the graph, the graph runs on its fast kernels (XNNPACK, onnxruntime), and numpy
takes minimum and maximum: about ten times faster than TensorFlow's calibrator, which runs the reference kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from edgevision_converters import flatbuffer
from edgevision_converters.plan import Progress, Samples
from edgevision_runtime.errors import DataError
from edgevision_runtime.quiet import without_native_chatter

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor

Ranges = dict[str, tuple[float, float]]  # tensor name: (smallest, largest)


def tflite_ranges(data: bytes, samples: Samples, on_progress: Progress | None = None, *, fast: bool = True) -> Ranges:
    """The range of every float activation of a float .tflite with unique tensor names; one sample at a time.

    `fast=False` runs TensorFlow Lite's built-in kernels instead of XNNPACK: the reference for tests.

    Raises:
        DataError: no sample, or an activation that is not finite.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    everything, indices = flatbuffer.with_all_outputs(data)
    resolver = OpResolverType.AUTO if fast else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with without_native_chatter():
        interpreter = Interpreter(model_content=everything, num_threads=1, experimental_op_resolver_type=resolver)
        model_input = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(model_input["index"], (1, *model_input["shape"][1:]))
        interpreter.allocate_tensors()
    graph = flatbuffer.read(data).subgraphs[0]
    names = [flatbuffer.tensor_name(graph.tensors[index]) for index in indices]
    views = [interpreter.tensor(index) for index in indices]
    lowest, highest = np.full(len(indices), np.inf, np.float32), np.full(len(indices), -np.inf, np.float32)
    input_range = _Extremes()
    for batch in batches(samples, on_progress):
        input_range.add(batch)
        interpreter.set_tensor(model_input["index"], batch)
        interpreter.invoke()
        for position, view in enumerate(views):
            values = view()
            lowest[position] = min(lowest[position], values.min())
            highest[position] = max(highest[position], values.max())
            del values  # a live view forbids the next invoke
    ranges: Ranges = {model_input["name"]: input_range.pair}
    ranges |= {name: (float(low), float(high)) for name, low, high in zip(names, lowest, highest, strict=True)}
    check_finite(ranges)
    return ranges


class _Extremes:
    """The smallest and largest value seen."""

    def __init__(self) -> None:
        self.pair = (float("inf"), float("-inf"))

    def add(self, values: Tensor) -> None:
        """Take these values into account."""
        self.pair = (min(self.pair[0], float(values.min())), max(self.pair[1], float(values.max())))


def batches(samples: Samples, on_progress: Progress | None = None, label: str = "calibrate") -> Iterator[Tensor]:
    """Each sample as float32 with a batch axis of one.

    Raises:
        DataError: there is no sample.
    """
    if len(samples) == 0:
        raise DataError("no calibration samples", expected="at least one image", hint="give --calib")
    for index, sample in enumerate(samples):
        yield np.ascontiguousarray(sample, np.float32)[None]
        if on_progress is not None:
            on_progress(label, index + 1, len(samples))


def check_finite(ranges: Ranges) -> None:
    """Raise DataError naming the first activation that is not finite."""
    for name, (low, high) in ranges.items():
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(
                f"activation {name!r} ranges over {low}..{high} on the calibration samples", expected="finite values"
            )
