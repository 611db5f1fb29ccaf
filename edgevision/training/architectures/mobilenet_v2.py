"""MobileNetV2 (arXiv:1801.04381): inverted residuals with linear bottlenecks, padded like torchvision's.

Padding is symmetric in stride-2 convolutions because the ImageNet weights we load come from torchvision; with
TensorFlow's own padding the same weights lose 9 points.
"""

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

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Per stage: expansion, filters, number of blocks, stride of the first (table 2 of the paper)."""

EPSILON = 1e-5
TORCHVISION_SCALE = (1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225))
TORCHVISION_OFFSET = (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)


def features(x: Tensor, width: float, output_stride: int = 32) -> dict[int, Tensor]:
    """Return the last feature map of each stride 2, 4, 8, 16, 32; the deepest before the 1280-filter convolution.

    With `output_stride` 16 the last stage keeps its resolution and dilates instead (DeepLab's way).
    """
    stem = Conv(divisible(32 * width), 3, 2, "relu6", symmetric_padding=True, epsilon=EPSILON)
    x = conv_bn(x, stem, "stem")
    stride, dilation, number = 2, 1, 0
    maps = {}
    for expansion, filters, blocks, first_stride in STAGES:
        for block in range(blocks):
            step, rate = (first_stride if block == 0 else 1), dilation
            if stride * step > output_stride:
                step, dilation = 1, dilation * step
            conv = Conv(divisible(filters * width), stride=step, dilation=rate)
            x = _inverted_residual(x, expansion, conv, f"block{number}")
            number, stride = number + 1, stride * step
        maps[stride] = x
    return maps


def _inverted_residual(x: Tensor, expansion: int, conv: Conv, name: str) -> Tensor:
    channels = x.shape[-1]
    y = x
    if expansion > 1:
        y = conv_bn(y, Conv(channels * expansion, 1, activation="relu6", epsilon=EPSILON), f"{name}_expand")
    depthwise = Conv(None, 3, conv.stride, "relu6", symmetric_padding=True, dilation=conv.dilation, epsilon=EPSILON)
    y = conv_bn(y, depthwise, f"{name}_depthwise")
    y = conv_bn(y, Conv(conv.filters, 1, activation="none", epsilon=EPSILON), f"{name}_project")
    if conv.stride == 1 and channels == conv.filters:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def build_mobilenet_v2(options: ArchitectureOptions) -> keras.Model:
    """The classifier, with the 1280-filter convolution (never narrower, as in the paper) before the pooling."""
    image, x = rescaled_input(options)
    x = features(x, options.width)[32]
    x = conv_bn(x, Conv(divisible(1280 * max(1.0, options.width)), 1, activation="relu6", epsilon=EPSILON), "last")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return classifier(image, x, options, "mobilenet_v2")


ROWS = (
    Architecture(
        "mobilenet_v2",
        "classify",
        build_mobilenet_v2,
        default_size=(224, 224),
        description="inverted residuals, 2.2 million parameters at width 1 (+ head); ImageNet weights at width 1",
        minimum_size=32,
        dropout=0.2,
        input_scale=TORCHVISION_SCALE,
        input_offset=TORCHVISION_OFFSET,
    ),
)
