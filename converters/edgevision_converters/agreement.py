"""Does a converted model still say what its source said? Measured on real samples, on the engine that will run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgevision_runtime.engines import open_engine
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Engine, Tensor

# float32 rounds by 6e-8 of a value; some hundred layers, summed in another order by other kernels, have measured up
# to 1e-5 of the largest output. A wrong padding, colour order or resize shows as 1e-2 and more.
FLOAT32_TOLERANCE = 1e-4
MAX_SAMPLES = 16

Outputs = Sequence["Tensor"]


@dataclass(frozen=True)
class Difference:
    """How far the outputs of a converted model are from its source's."""

    largest: float  # |converted - source|, over all samples and outputs
    share: float  # the same as a share of the source's largest output: what float rounding is relative to
    by_output: tuple[float, ...]  # `largest` of each output


def pick(samples: Sequence[Tensor]) -> list[Tensor]:
    """At most MAX_SAMPLES of them, evenly spread."""
    count = min(len(samples), MAX_SAMPLES)
    return [samples[index * len(samples) // count] for index in range(count)]


def run(model_format: str, data: bytes, samples: Sequence[Tensor]) -> list[Outputs]:
    """The outputs of a model file for each sample, on LiteRT or onnxruntime.

    Raises:
        ModelError: the engine refuses the model.
    """
    engine: Engine
    with open_engine("litert" if model_format == "tflite" else "onnx", data) as engine:
        return [engine.infer(sample) for sample in samples]


def compare(reference: Sequence[Outputs], converted: Sequence[Outputs]) -> Difference:
    """Largest difference between two lists of outputs, sample by sample.

    Raises:
        ModelError: different numbers or shapes of outputs, or values that are not finite.
    """
    by_output, share = [], 0.0
    for position in range(len(reference[0])):
        wanted = np.stack([outputs[position] for outputs in reference])
        if any(len(outputs) != len(reference[0]) for outputs in converted):
            raise ModelError(f"the converted model has {len(converted[0])} outputs", expected=str(len(reference[0])))
        got = np.stack([outputs[position] for outputs in converted])
        if wanted.shape != got.shape:
            raise ModelError(
                f"output {position} of the converted model is {got.shape[1:]}", expected=f"{wanted.shape[1:]}"
            )
        if not np.isfinite(got).all():
            raise ModelError(f"output {position} of the converted model is not finite on a real sample")
        difference = float(np.abs(wanted - got).max())
        magnitude = float(np.abs(wanted).max()) or 1.0
        by_output.append(difference)
        share = max(share, difference / magnitude)
    return Difference(max(by_output), share, tuple(by_output))


def require(name: str, difference: Difference, tolerance: float) -> None:
    """Raise ModelError when a converted float model does not agree with its source."""
    if difference.share > tolerance:
        raise ModelError(
            f"{name} differs from the source model by {difference.largest:.3g}"
            f" ({difference.share:.2g} of the largest output)",
            expected=f"at most {tolerance:g} of it",
            hint="the conversion changed what the model computes: please report the model",
        )


def require_probabilities(name: str, outputs: Sequence[Outputs], step: float) -> None:
    """Raise ModelError when a softmax output does not sum to 1; `step` is the output's quantization step."""
    for sample in outputs:
        total = float(np.sum(sample[0]))
        allowed = 1e-3 + step * sample[0].size / 2  # each class may be rounded by half a step
        if abs(total - 1) > allowed:
            raise ModelError(f"the softmax of {name} sums to {total:.4g}", expected=f"1 within {allowed:.2g}")
