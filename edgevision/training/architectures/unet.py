"""U-Net in small (arXiv:1505.04597): an encoder that halves, a decoder that doubles, skips between equals."""

from __future__ import annotations

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import Architecture, ArchitectureOptions
from edgevision.training.architectures.blocks import (
    Conv,
    Tensor,
    conv_bn,
    layers,
    rescaled_input,
    scaled,
    upsample,
)

ENCODER_FILTERS = (8, 16, 24)
BOTTLENECK_FILTERS = 32


def build_unet_tiny(options: ArchitectureOptions) -> keras.Model:
    """Three halvings, bilinear doublings; logits (N, h, w, classes)."""
    image, x = rescaled_input(options)
    filters = [scaled(count, options.width) for count in ENCODER_FILTERS]
    skips: list[Tensor] = []
    for level, count in enumerate(filters, start=1):
        x = _double(x, count, f"encoder{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"encoder{level}_pool")(x)
    x = _double(x, scaled(BOTTLENECK_FILTERS, options.width), "bottleneck")
    if options.dropout:
        x = layers.Dropout(options.dropout, name="decoder_dropout")(x)
    for level, count in reversed(list(enumerate(filters, start=1))):
        x = upsample(x, 2, f"decoder_{level}_up")
        x = layers.Concatenate(name=f"decoder_{level}_concat")([x, skips[level - 1]])
        x = _double(x, count, f"decoder_{level}")
    x = layers.Conv2D(options.classes, 1, dtype="float32", name="head_logits")(x)
    return keras.Model(image, x, name="unet_tiny")


def _double(x: Tensor, filters: int, name: str) -> Tensor:
    return conv_bn(conv_bn(x, Conv(filters), f"{name}_conv1"), Conv(filters), f"{name}_conv2")


ROWS = (
    Architecture(
        "unet_tiny",
        "segment",
        build_unet_tiny,
        default_size=(96, 96),
        description="U-Net of four resolutions, 57 thousand parameters; learns from scratch",
        minimum_size=16,
        size_multiple=8,
        embedding="bottleneck_conv2_act",
    ),
)
