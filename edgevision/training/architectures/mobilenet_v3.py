"""MobileNetV3-Small (arXiv:1905.02244), and LR-ASPP on it for masks: hard-swish and squeeze-and-excite."""

from __future__ import annotations

from dataclasses import dataclass

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import Architecture, ArchitectureOptions
from edgevision.training.architectures.blocks import (
    Activation,
    Conv,
    Tensor,
    activate,
    classifier,
    conv_bn,
    divisible,
    hard_sigmoid,
    layers,
    rescaled_input,
    upsample,
)


@dataclass(frozen=True)
class _Block:
    """One row of the paper's table 2."""

    kernel: int
    expanded: int
    filters: int
    squeezes: bool
    activation: Activation
    stride: int


BLOCKS = (
    _Block(3, 16, 16, True, "relu", 2),
    _Block(3, 72, 24, False, "relu", 2),
    _Block(3, 88, 24, False, "relu", 1),
    _Block(5, 96, 40, True, "hard_swish", 2),
    _Block(5, 240, 40, True, "hard_swish", 1),
    _Block(5, 240, 40, True, "hard_swish", 1),
    _Block(5, 120, 48, True, "hard_swish", 1),
    _Block(5, 144, 48, True, "hard_swish", 1),
    _Block(5, 288, 96, True, "hard_swish", 2),
    _Block(5, 576, 96, True, "hard_swish", 1),
    _Block(5, 576, 96, True, "hard_swish", 1),
)


def features(x: Tensor, width: float, output_stride: int = 32) -> dict[int, Tensor]:
    """Return the last feature map of each stride; the deepest passes the closing 1x1 convolution."""
    x = conv_bn(x, Conv(divisible(16 * width), stride=2, activation="hard_swish"), "stem")
    stride, dilation, maps = 2, 1, {2: x}
    for number, block in enumerate(BLOCKS):
        step, rate = block.stride, dilation
        if stride * step > output_stride:
            step, dilation = 1, dilation * step
        x = _inverted_residual(
            x, block, Conv(divisible(block.filters * width), block.kernel, step, dilation=rate), number
        )
        stride *= step
        maps[stride] = x
    maps[stride] = conv_bn(x, Conv(divisible(576 * width), 1, activation="hard_swish"), "last")
    return maps


def _inverted_residual(x: Tensor, block: _Block, conv: Conv, number: int) -> Tensor:
    name, channels = f"block{number}", x.shape[-1]
    y = x
    expanded = divisible(channels * block.expanded / _channels_in(number))
    if number > 0:
        y = conv_bn(y, Conv(expanded, 1, activation=block.activation), f"{name}_expand")
    depthwise = Conv(None, conv.kernel, conv.stride, block.activation, dilation=conv.dilation)
    y = conv_bn(y, depthwise, f"{name}_depthwise")
    if block.squeezes:
        y = _squeeze_excite(y, f"{name}_se")
    y = conv_bn(y, Conv(conv.filters, 1, activation="none"), f"{name}_project")
    if conv.stride == 1 and channels == conv.filters:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def _channels_in(number: int) -> int:
    """Channels that enter the block at width 1."""
    return 16 if number == 0 else BLOCKS[number - 1].filters


def _squeeze_excite(x: Tensor, name: str) -> Tensor:
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    gate = layers.Conv2D(divisible(channels / 4), 1, activation="relu", name=f"{name}_reduce")(gate)
    gate = layers.Conv2D(channels, 1, name=f"{name}_expand")(gate)
    return layers.Multiply(name=f"{name}_multiply")([x, hard_sigmoid(gate, f"{name}_gate")])


def build_mobilenet_v3_small(options: ArchitectureOptions) -> keras.Model:
    """The classifier, with the 1024-filter layer behind the pooling as in the paper."""
    image, x = rescaled_input(options)
    x = features(x, options.width)[32]
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(divisible(1024 * max(1.0, options.width)), name="last_dense")(x)
    x = activate(x, "hard_swish", "last_dense_act")
    return classifier(image, x, options, "mobilenet_v3_small")


def build_lraspp_mobilenet_v3(options: ArchitectureOptions) -> keras.Model:
    """Lite R-ASPP (section 6.4 of the paper): features of stride 16, gated by their mean, joined with stride 8."""
    image, x = rescaled_input(options)
    maps = features(x, options.width, output_stride=16)
    x = conv_bn(maps[16], Conv(128, 1), "decoder_features")
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="decoder_gate_pool")(maps[16])
    gate = layers.Conv2D(128, 1, activation="sigmoid", use_bias=False, name="decoder_gate")(gate)
    x = layers.Multiply(name="decoder_gated")([x, gate])
    x = upsample(x, 2, "decoder_up")
    deep = layers.Conv2D(options.classes, 1, dtype="float32", name="head_deep")(x)
    shallow = layers.Conv2D(options.classes, 1, dtype="float32", name="head_shallow")(maps[8])
    x = layers.Add(dtype="float32", name="head_add")([deep, shallow])
    return keras.Model(image, upsample(x, 8, "head_upsample", dtype="float32"), name="lraspp_mobilenet_v3")


ROWS = (
    Architecture(
        "mobilenet_v3_small",
        "classify",
        build_mobilenet_v3_small,
        default_size=(224, 224),
        description="hard-swish and squeeze-and-excite, 1.5 million parameters; few operations, harder to quantize",
        minimum_size=32,
        dropout=0.2,
    ),
    Architecture(
        "lraspp_mobilenet_v3",
        "segment",
        build_lraspp_mobilenet_v3,
        default_size=(224, 224),
        description="MobileNetV3-Small with the LR-ASPP head: the fewest operations for masks",
        minimum_size=32,
        size_multiple=16,
        embedding="last_act",
    ),
)
