"""Masks on a MobileNetV2 encoder, which takes ImageNet weights: a U-Net decoder, or DeepLabv3+ made light."""

from __future__ import annotations

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import Architecture, ArchitectureOptions
from edgevision.training.architectures.blocks import Conv, Tensor, conv_bn, divisible, layers, rescaled_input, upsample
from edgevision.training.architectures.mobilenet_v2 import TORCHVISION_OFFSET, TORCHVISION_SCALE, features

UNET_DECODER_FILTERS = {16: 96, 8: 64, 4: 32, 2: 24}
"""Filters of the decoder per stride."""

DEEPLAB_FILTERS = 128


def build_unet_mobilenet_v2(options: ArchitectureOptions) -> keras.Model:
    """Features of stride 32 doubled up to stride 2 with skips; logits doubled once more to the input's size."""
    image, x = rescaled_input(options)
    maps = features(x, options.width)
    x = maps[32]
    for stride, filters in UNET_DECODER_FILTERS.items():
        x = upsample(x, 2, f"decoder_{stride}_up")
        x = layers.Concatenate(name=f"decoder_{stride}_concat")([x, maps[stride]])
        x = _separable(x, divisible(filters * options.width), f"decoder_{stride}")
    return _close(image, x, options, 2, "unet_mobilenet_v2")


def build_deeplab_mobilenet_v2(options: ArchitectureOptions) -> keras.Model:
    """DeepLabv3+ (arXiv:1802.02611): features of stride 16 and their mean, refined with those of stride 4."""
    image, x = rescaled_input(options)
    maps = features(x, options.width, output_stride=16)
    filters = divisible(DEEPLAB_FILTERS * options.width)
    deep = maps[16]
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="decoder_mean_pool")(deep)
    mean = conv_bn(mean, Conv(filters, 1, activation="relu6"), "decoder_mean")
    mean = upsample(mean, (deep.shape[1], deep.shape[2]), "decoder_mean_spread")
    deep = conv_bn(deep, Conv(filters, 1, activation="relu6"), "decoder_deep")
    x = layers.Concatenate(name="decoder_pyramid_concat")([deep, mean])
    x = conv_bn(x, Conv(filters, 1, activation="relu6"), "decoder_pyramid")
    x = upsample(x, 4, "decoder_up")
    shallow = conv_bn(maps[4], Conv(divisible(24 * options.width), 1, activation="relu6"), "decoder_shallow")
    x = layers.Concatenate(name="decoder_concat")([x, shallow])
    x = _separable(x, divisible(64 * options.width), "decoder_refine")
    return _close(image, x, options, 4, "deeplab_mobilenet_v2")


def _separable(x: Tensor, filters: int, name: str) -> Tensor:
    x = conv_bn(x, Conv(None, activation="relu6"), f"{name}_depthwise")
    return conv_bn(x, Conv(filters, 1, activation="relu6"), f"{name}_pointwise")


def _close(image: Tensor, x: Tensor, options: ArchitectureOptions, factor: int, name: str) -> keras.Model:
    if options.dropout:
        x = layers.Dropout(options.dropout, name="head_dropout")(x)
    x = layers.Conv2D(options.classes, 1, dtype="float32", name="head_logits")(x)
    return keras.Model(image, upsample(x, factor, "head_upsample", dtype="float32"), name=name)


ROWS = (
    Architecture(
        "unet_mobilenet_v2",
        "segment",
        build_unet_mobilenet_v2,
        default_size=(224, 224),
        description="U-Net decoder on MobileNetV2, 2 million parameters; ImageNet weights for the encoder",
        minimum_size=32,
        size_multiple=32,
        embedding="block16_project_bn",
        input_scale=TORCHVISION_SCALE,
        input_offset=TORCHVISION_OFFSET,
    ),
    Architecture(
        "deeplab_mobilenet_v2",
        "segment",
        build_deeplab_mobilenet_v2,
        default_size=(224, 224),
        description="DeepLabv3+ on MobileNetV2, stride 16; ImageNet weights for the encoder",
        minimum_size=32,
        size_multiple=16,
        embedding="block16_project_bn",
        input_scale=TORCHVISION_SCALE,
        input_offset=TORCHVISION_OFFSET,
    ),
)
