"""The embedding of a frame, read beside the answer: features as a model stores them, whitened, of length 1.

It is float32 whatever the variant: an int8 network is as good at features as at classes, but a dense layer in int8 that
blows up their smallest directions is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision_runtime.engines.quantization import dequantize
from edgevision_runtime.errors import BundleError
from edgevision_runtime.golden import read_array

if TYPE_CHECKING:
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.types import Tensor, TensorSpec

LEAST_LENGTH = 1e-12  # a vector of zeros stays one


class EmbeddingReader:
    """Reads one output of one model. The whitening and the tensor's scale are one map, made once."""

    def __init__(self, output: int, spec: TensorSpec, whitening: Tensor | None = None) -> None:
        """`whitening` is float32 (features + 1, dimension), the bias last; None: the output is an embedding already."""
        self._output, self._spec = output, spec
        self._kernel: Tensor | None = None
        self._bias: Any = None
        if whitening is not None:
            scale, zero_point = np.float32(spec.scale or 1.0), np.float32(spec.zero_point or 0)
            self._kernel = np.ascontiguousarray(whitening[:-1] * scale)
            self._bias = whitening[-1] - zero_point * self._kernel.sum(axis=0)

    def later(self, stored: tuple[Tensor, ...]) -> Callable[[], Tensor]:
        """What reads the embedding of these outputs when it is wanted: few frames' are, and features are soon copied.

        `stored` are the outputs as they are stored, no batch axis. What is read is float32 (dimension,), of length 1.
        """
        return partial(self._read, stored[self._output].copy())

    def _read(self, features: Tensor) -> Tensor:
        vector: Tensor
        if self._kernel is None:
            vector = dequantize(features, self._spec)
        else:
            vector = features.astype(np.float32) @ self._kernel
            vector += self._bias
        vector /= max(math.sqrt(float(vector @ vector)), LEAST_LENGTH)
        return vector


def embedded(features: Tensor, whitening: Tensor | None) -> Tensor:
    """The same for many, and for outputs that are real numbers already: (n, features) to (n, dimension)."""
    vectors = features if whitening is None else features @ whitening[:-1] + whitening[-1]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, LEAST_LENGTH), np.float32)


def read_whitening(bundle: Bundle) -> Tensor | None:
    """The whitening of a bundle's embedding, float32 (features + 1, dimension), the bias last; None: it has none.

    Raises:
        BundleError: it is not what the manifest says.
    """
    facts = bundle.embedding
    if facts is None or facts.whitening is None:
        return None
    whitening = read_array(bundle, facts.whitening)
    features = bundle.variants[0].outputs[facts.output].shape[1]
    if whitening.dtype != np.float32 or whitening.shape != (features + 1, facts.dimension):
        raise BundleError(
            facts.whitening, f"{whitening.dtype} {list(whitening.shape)}",
            expected=f"float32 {[features + 1, facts.dimension]}",
        )  # fmt: skip
    if not np.isfinite(whitening).all():
        raise BundleError(facts.whitening, "numbers that are not finite", expected="finite ones")
    return whitening
