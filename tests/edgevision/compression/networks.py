"""Tiny networks with random weights and lived-in normalization statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgevision.tensorflow_setup import keras

layers = keras.layers
SIZE = 16


def every_kind() -> Any:
    """Convolutions, depthwise, residual, squeeze-and-excite, a branch that joins again, swish, lone normalization."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(image)
    x = layers.ReLU(name="stem_act")(layers.BatchNormalization(name="stem_bn")(_conv(8, "stem", x)))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.ReLU(6.0, name="depthwise_act")(layers.BatchNormalization(name="depthwise_bn")(x))
    x = layers.Add(name="add")([x, layers.Conv2D(8, 1, activation="relu", name="branch")(x)])
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    x = layers.Multiply(name="excite")([x, layers.Conv2D(8, 1, activation="sigmoid", name="gate")(gate)])
    small = layers.MaxPooling2D(name="shrink")(x)
    x = layers.Concatenate(name="join")([x, layers.UpSampling2D(interpolation="bilinear", name="grow")(small)])
    x = layers.SeparableConv2D(8, 3, activation="swish", name="separable")(x)
    x = layers.BatchNormalization(name="lone_bn")(layers.AveragePooling2D(name="average")(x))
    x = layers.Dropout(0.2, name="dropout")(layers.Flatten(name="flatten")(x))
    return with_statistics(keras.Model(image, layers.Dense(3, activation="softmax", name="head")(x), name="every_kind"))


def pooled_branches() -> Any:
    """As in Inception: one pooling by maximum feeds convolutions and a pooling by average, joined twice."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    pooled = layers.MaxPooling2D(name="maximum")(layers.ReLU()(_conv(4, "stem", image)))
    left = layers.ReLU()(_conv(4, "left", pooled))
    right = layers.ReLU()(_conv(4, "right", layers.AveragePooling2D(3, 1, "same", name="average")(pooled)))
    inner = layers.Concatenate()([left, layers.ReLU()(_conv(4, "deep", left))])
    x = layers.GlobalAveragePooling2D()(layers.Concatenate()([inner, right, pooled]))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="head")(x), name="pooled_branches")


def plain(filters: int = 8) -> Any:
    """Two convolutions and a dense layer: quick to fit."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(image)
    x = layers.ReLU(name="first_act")(layers.BatchNormalization(name="first_bn")(_conv(filters, "first", x)))
    x = layers.Conv2D(filters, 3, activation="relu", name="second")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(3, name="logits")(x)
    return with_statistics(keras.Model(image, layers.Softmax(name="head")(x), name="plain"))


def with_statistics(model: Any) -> Any:
    """Give every normalization gamma, beta, mean and variance as a trained one has."""
    random = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            width = layer.gamma.shape
            layer.set_weights([random.uniform(*bounds, width) for bounds in ((0.5, 1.5), (-1, 1), (-1, 1), (0.5, 2))])
    return model


def pictures(count: int, size: int = SIZE) -> Any:
    """float32 (count, size, size, 3) of whole steps 0..255."""
    return np.random.default_rng(5).integers(0, 256, (count, size, size, 3)).astype(np.float32)


def fit_a_little(model: Any, epochs: int = 1, callbacks: tuple[Any, ...] = ()) -> None:
    """32 pictures in steps of 8: four steps an epoch."""
    truth = np.random.default_rng(7).integers(0, 3, 32)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(pictures(32), truth, batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks))


def _conv(filters: int, name: str, x: Any) -> Any:
    return layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
