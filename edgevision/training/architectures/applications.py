"""The three large classics through `tf_keras.applications`: VGG16, ResNet50, Inception v3, rescaling in the graph.

Each keeps its convolutional part and ends in global average pooling and one dense layer (VGG16's two layers of 4096
units, nine tenths of its weights, are left out).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import Architecture, ArchitectureOptions
from edgevision.training.architectures.blocks import BATCH_NORM_MOMENTUM, classifier, layers, rescaled_input

_AUTOMATIC_NAME = re.compile(r"(conv2d|batch_normalization|activation|concatenate|(?:max|average)_pooling2d)(_\d+)?")


def _build(family: Callable[..., keras.Model], name: str, options: ArchitectureOptions) -> keras.Model:
    """Build the family's convolutional part on our rescaled input and close it as a classifier."""
    image, x = rescaled_input(options)
    backbone = family(include_top=False, weights=None, input_tensor=x)
    pooled = layers.GlobalAveragePooling2D(name="pool")(backbone.output)
    model = classifier(image, pooled, options, name)
    clone = keras.models.clone_model(model, clone_function=_Renamer())
    clone._name = name
    return clone


class _Renamer:
    """Copy layers with BatchNorm momentum 0.9, counting automatic names from 1 in each model.

    Keras counts them through the whole process, so that weights could not be found by name.
    """

    def __init__(self) -> None:
        self._count: defaultdict[str, int] = defaultdict(int)

    def __call__(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        config: dict[str, Any] = layer.get_config()
        automatic = _AUTOMATIC_NAME.fullmatch(layer.name)
        if automatic:
            self._count[automatic[1]] += 1
            config["name"] = f"{automatic[1]}_{self._count[automatic[1]]}"
        if isinstance(layer, layers.BatchNormalization):
            config["momentum"] = BATCH_NORM_MOMENTUM
        return type(layer).from_config(config)


ROWS = (
    Architecture(
        "vgg16",
        "classify",
        partial(_build, keras.applications.VGG16, "vgg16"),
        default_size=(224, 224),
        description="thirteen plain convolutions, 14.7 million parameters; slow on small computers",
        widths=(1.0, 1.0),
        minimum_size=32,
    ),
    Architecture(
        "resnet50",
        "classify",
        partial(_build, keras.applications.ResNet50, "resnet50"),
        default_size=(224, 224),
        description="residual network of 50 layers, 23.6 million parameters",
        widths=(1.0, 1.0),
        minimum_size=32,
    ),
    Architecture(
        "inception_v3",
        "classify",
        partial(_build, keras.applications.InceptionV3, "inception_v3"),
        default_size=(299, 299),
        description="Inception v3, 21.8 million parameters",
        widths=(1.0, 1.0),
        minimum_size=75,
    ),
)
