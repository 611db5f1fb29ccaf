"""Small networks with every kind of layer that our architectures have, on pictures that are not square."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH, CLASSES = 24, 16, 3
SHAPE = (HEIGHT, WIDTH, 3)
LABELS = ("red", "amber", "green")


def classifier(keras: Any, seed: int = 3) -> Any:
    """Rescaling, convolution, batch norm, ReLU6, depthwise, residual, pooling, dense, softmax; by Keras 2 or 3."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    image = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 127.5, -1.0)(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.ReLU()(x)
    x = layers.Add()([x, layers.Conv2D(8, 1)(x)])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(CLASSES)(x)
    return keras.Model(image, layers.Softmax(name="scores")(x))


def segmenter(keras: Any, seed: int = 3) -> Any:
    """An encoder, bilinear upsampling, a skip connection and logits at the input's size."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    image = keras.Input(SHAPE)
    full = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 127.5, -1.0)(image))
    half = layers.MaxPooling2D()(full)
    half = layers.Conv2D(8, 3, padding="same", activation="relu")(half)
    back = layers.UpSampling2D(2, interpolation="bilinear")(half)
    return keras.Model(image, layers.Conv2D(2, 1, name="logits")(layers.Concatenate()([back, full])))


def pictures(count: int, seed: int = 0) -> list[npt.NDArray[np.uint8]]:
    """Smooth uint8 pictures of all brightnesses, as a contract would make them."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        corners = random.integers(0, 256, (3, 2, 3)).astype(np.float64)
        rows = np.linspace(0, 2, HEIGHT)[:, None, None]
        columns = np.linspace(0, 1, WIDTH)[None, :, None]
        below = np.minimum(rows.astype(int), 1)
        blend = corners[below[:, 0, 0]] * (1 - (rows - below)) + corners[below[:, 0, 0] + 1] * (rows - below)
        made.append(np.round(blend[:, :1] * (1 - columns) + blend[:, 1:] * columns).astype(np.uint8))
    return made
