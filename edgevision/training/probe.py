"""The head of a frozen classifier as a network of its own, on features that are computed once.

Nothing in front of the head moves and no picture is varied, so every epoch would compute the same features again. They
are standardized, which a linear head learns from much faster; the head's weights take that up at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgevision.data.dataset import Sample
from edgevision.tensorflow_setup import keras, tf

LOGITS = "head_logits"
LEAST_DEVIATION = 1e-3  # of the largest: features that vary less are not blown up to the size of the others

Floats = npt.NDArray[np.float32]


class Features(NamedTuple):
    """What the frozen backbone says of a split."""

    values: Floats  # (n, d), not standardized
    truth: npt.NDArray[np.int32]  # (n,)
    weights: Floats  # (n,), in the loss


def has_linear_head(model: Any) -> bool:
    """Whether the model ends in one dense layer and a softmax, as every classifier of ours does."""
    return LOGITS in [layer.name for layer in model.layers] and len(model.get_layer(LOGITS).output_shape) == 2


class Probe:
    """The head to fit, and the way back into the model."""

    def __init__(self, model: Any, features: Features) -> None:
        self._logits = model.get_layer(LOGITS)
        self._mean = features.values.mean(axis=0)
        deviation = features.values.std(axis=0)
        largest = float(deviation.max()) or 1.0
        self._deviation = np.where(deviation > LEAST_DEVIATION * largest, deviation, largest).astype(np.float32)
        layers = keras.layers
        dropout = [layers.Dropout(layer.rate) for layer in model.layers if layer.name == "head_dropout"]
        logits = layers.Dense(self._logits.units, kernel_initializer="zeros", dtype="float32", name=LOGITS)
        values, softmax = layers.Input((len(self._mean),)), layers.Softmax(dtype="float32")
        self.head = keras.Sequential([values, *dropout, logits, softmax], name="probe")

    def batches(self, features: Features, batch: int, shuffle_seed: int | None = None) -> Any:
        """A `tf.data.Dataset` of (standardized features, truth), to learn from with the weights as a third."""
        values = (features.values - self._mean) / self._deviation
        if shuffle_seed is None:
            return tf.data.Dataset.from_tensor_slices((values, features.truth)).batch(batch)
        data = tf.data.Dataset.from_tensor_slices((values, features.truth, features.weights))
        return data.shuffle(len(values), seed=shuffle_seed).batch(batch)

    def write_back(self) -> None:
        """Give the model the fitted head, for features as they are."""
        kernel, bias = self.head.get_layer(LOGITS).get_weights()
        kernel = kernel / self._deviation[:, None]
        self._logits.set_weights([kernel, bias - self._mean @ kernel])


def features_before_head(model: Any, data: Any, samples: Sequence[Sample]) -> Features:
    """The features of `data`, batches of (images, truth) in the order of `samples`; BatchNorm in inference mode."""
    head = [layer for layer in model.layers if layer.name in ("head_dropout", LOGITS)]
    backbone = keras.Model(model.input, head[0].input)
    values, truth = [], []
    for images, expected in data:
        values.append(np.asarray(backbone.predict_on_batch(images), np.float32))
        truth.append(np.asarray(expected, np.int32))
    weights = np.array([sample.weight for sample in samples], np.float32)
    return Features(np.concatenate(values), np.concatenate(truth), weights)
