"""The embedding of a draft: what its manifest says of it, its members, and how well each variant keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edgevision.fidelity.embedding_parity import Parity, parity
from edgevision_runtime.embedding import embedded
from edgevision_runtime.engines import open_engine

if TYPE_CHECKING:
    from edgevision_converters.plan import ConvertedModel
    from edgevision_runtime.types import EmbeddingOutput, Engine, Tensor

ENGINES = {"tflite": "litert", "onnx": "onnx"}


@dataclass(frozen=True, eq=False)
class EmbeddingDraft:
    """A second output of every variant."""

    facts: EmbeddingOutput
    vectors: Tensor  # float32 (images, dimension), rows of length 1: what the source makes of the calibration images
    whitening: Tensor | None = None  # float32 (features + 1, dimension), the bias last
    members: Mapping[str, bytes] = field(default_factory=dict)  # of the bundle

    def parity(self, model: ConvertedModel, tensors: Sequence[Tensor]) -> Parity:
        """How near a converted file's vectors are to the source's, over the calibration images."""
        engine: Engine
        with open_engine(ENGINES[model.variant.format], model.data) as engine:
            features = np.stack([engine.infer(tensor)[self.facts.output] for tensor in tensors])
        return parity(self.vectors, embedded(features, self.whitening))
