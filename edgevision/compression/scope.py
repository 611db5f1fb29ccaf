"""The names a quantization-aware model needs while Keras reads it."""

from __future__ import annotations

from contextlib import AbstractContextManager

import tensorflow_model_optimization as tfmot

from edgevision.compression.quantizers import ActivationRange, LayerQuantization, QuantizedLayer


def quantization_scope() -> AbstractContextManager[None]:
    """A model that `quantize` wrote is read inside this, by `keras.models.load_model(path)`."""
    ours = {kind.__name__: kind for kind in (ActivationRange, LayerQuantization, QuantizedLayer)}
    scope: AbstractContextManager[None] = tfmot.quantization.keras.quantize_scope(ours)
    return scope
