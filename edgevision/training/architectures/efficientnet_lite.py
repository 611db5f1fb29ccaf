"""EfficientNet-Lite0: EfficientNet-B0 (arXiv:1905.11946) with ReLU6, without squeeze-and-excite; it quantizes well."""

from __future__ import annotations

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import Architecture, ArchitectureOptions
from edgevision.training.architectures.blocks import (
    Conv,
    Tensor,
    classifier,
    conv_bn,
    divisible,
    layers,
    rescaled_input,
)

STAGES = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
"""Per stage: expansion, kernel, filters, number of blocks, stride of the first."""


def build_efficientnet_lite0(options: ArchitectureOptions) -> keras.Model:
    """The classifier; stem (32) and last convolution (1280) keep their filters at every width, as in the reference."""
    image, x = rescaled_input(options)
    x = conv_bn(x, Conv(32, stride=2, activation="relu6"), "stem")
    number = 0
    for expansion, kernel, filters, blocks, first_stride in STAGES:
        for block in range(blocks):
            conv = Conv(divisible(filters * options.width), kernel, first_stride if block == 0 else 1)
            x = _inverted_residual(x, expansion, conv, f"block{number}")
            number += 1
    x = conv_bn(x, Conv(1280, 1, activation="relu6"), "last")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return classifier(image, x, options, "efficientnet_lite0")


def _inverted_residual(x: Tensor, expansion: int, conv: Conv, name: str) -> Tensor:
    channels = x.shape[-1]
    y = x
    if expansion > 1:
        y = conv_bn(y, Conv(channels * expansion, 1, activation="relu6"), f"{name}_expand")
    y = conv_bn(y, Conv(None, conv.kernel, conv.stride, "relu6"), f"{name}_depthwise")
    y = conv_bn(y, Conv(conv.filters, 1, activation="none"), f"{name}_project")
    if conv.stride == 1 and channels == conv.filters:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


ROWS = (
    Architecture(
        "efficientnet_lite0",
        "classify",
        build_efficientnet_lite0,
        default_size=(224, 224),
        description="made to quantize, 3.4 million parameters (+ head); ImageNet weights at width 1",
        minimum_size=32,
        dropout=0.2,
        input_scale=1 / 128,
        input_offset=-127 / 128,
    ),
)
