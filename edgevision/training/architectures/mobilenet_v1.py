"""MobileNetV1 (arXiv:1704.04861): depthwise separable convolutions all the way."""

from __future__ import annotations

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import Architecture, ArchitectureOptions
from edgevision.training.architectures.blocks import Conv, classifier, conv_bn, layers, rescaled_input, scaled

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Filters and stride of each depthwise separable block (table 1 of the paper)."""


def build_mobilenet_v1(options: ArchitectureOptions) -> keras.Model:
    """A stem of 32 filters and 13 depthwise separable blocks."""
    image, x = rescaled_input(options)
    x = conv_bn(x, Conv(scaled(32, options.width), stride=2, activation="relu6"), "stem")
    for number, (filters, stride) in enumerate(BLOCKS, start=1):
        x = conv_bn(x, Conv(None, stride=stride, activation="relu6"), f"block{number}_depthwise")
        x = conv_bn(x, Conv(scaled(filters, options.width), 1, activation="relu6"), f"block{number}_pointwise")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return classifier(image, x, options, "mobilenet_v1")


ROWS = (
    Architecture(
        "mobilenet_v1",
        "classify",
        build_mobilenet_v1,
        default_size=(128, 128),
        description="depthwise separable convolutions, 3.2 million parameters at width 1, 0.2 at 0.25",
        minimum_size=32,
        dropout=0.1,
    ),
)
