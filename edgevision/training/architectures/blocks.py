"""Blocks that the architectures share; each names all its layers and gives back the output tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import ArchitectureOptions, Scaling

layers = keras.layers

Tensor = Any
Activation = Literal["relu", "relu6", "hard_swish", "none"]

BATCH_NORM_MOMENTUM = 0.9
"""Keras's 0.99 leaves the moving statistics behind the weights in runs of a few hundred steps."""


@dataclass(frozen=True)
class Conv:
    """One convolution with BatchNorm and activation; `filters` None makes it depthwise."""

    filters: int | None
    kernel: int = 3
    stride: int = 1
    activation: Activation = "relu"
    symmetric_padding: bool = False
    """Pad like torch does, (k-1)/2 on all sides; TensorFlow's SAME pads right and bottom only for stride 2."""
    dilation: int = 1
    epsilon: float = 1e-3


def rescaled_input(options: ArchitectureOptions) -> tuple[Tensor, Tensor]:
    """Return the input, float32 (N, h, w, c) of 0..255, and the rescaled tensor that the network works on."""
    image = keras.Input(shape=options.input_shape, name="image", dtype="float32")
    scale, offset = options.input_scale, options.input_offset
    if scale is None or offset is None:
        raise ValueError("Architecture.build fills the scaling before a builder runs")
    return image, layers.Rescaling(_plain(scale), _plain(offset), name="rescaling")(image)


def conv_bn(x: Tensor, conv: Conv, name: str) -> Tensor:
    """Convolution without bias, BatchNorm, activation; layers `name`, `name_bn`, `name_act`."""
    padding = "same"
    if conv.symmetric_padding and conv.stride > 1:
        x = layers.ZeroPadding2D(conv.kernel // 2, name=f"{name}_pad")(x)
        padding = "valid"
    shape: dict[str, Any] = {"kernel_size": conv.kernel, "strides": conv.stride, "padding": padding, "use_bias": False}
    shape["dilation_rate"] = conv.dilation
    if conv.filters is None:
        x = layers.DepthwiseConv2D(**shape, depthwise_initializer="he_normal", name=name)(x)
    else:
        x = layers.Conv2D(conv.filters, **shape, kernel_initializer="he_normal", name=name)(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=conv.epsilon, name=f"{name}_bn")(x)
    return activate(x, conv.activation, f"{name}_act")


def activate(x: Tensor, activation: Activation, name: str) -> Tensor:
    """Apply an activation made of standard layers; hard-swish is x · ReLU6(x + 3) / 6 (arXiv:1905.02244)."""
    if activation == "none":
        return x
    if activation == "relu":
        return layers.ReLU(name=name)(x)
    if activation == "relu6":
        return layers.ReLU(6.0, name=name)(x)
    return layers.Multiply(name=name)([x, hard_sigmoid(x, f"{name}_gate")])


def hard_sigmoid(x: Tensor, name: str) -> Tensor:
    """ReLU6(x + 3) / 6 as three layers."""
    x = layers.Rescaling(1.0, [3.0], name=f"{name}_shift")(x)
    x = layers.ReLU(6.0, name=f"{name}_relu6")(x)
    return layers.Rescaling([1 / 6], name=name)(x)


def classifier(image: Tensor, pooled: Tensor, options: ArchitectureOptions, name: str) -> keras.Model:
    """Close a classifier: dropout, dense layer, softmax in float32 (also under mixed precision): (N, classes)."""
    x = pooled
    if options.dropout:
        x = layers.Dropout(options.dropout, name="head_dropout")(x)
    x = layers.Dense(options.classes, dtype="float32", name="head_logits")(x)
    x = layers.Softmax(dtype="float32", name="head_softmax")(x)
    return keras.Model(image, x, name=name)


def upsample(x: Tensor, factor: int | tuple[int, int], name: str, dtype: str | None = None) -> Tensor:
    """Enlarge bilinearly with half-pixel centres: the one convention TFLite and ONNX Resize agree on."""
    return layers.UpSampling2D(factor, interpolation="bilinear", name=name, dtype=dtype)(x)


def divisible(filters: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never down by more than a tenth (arXiv:1801.04381's reference code)."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded


def scaled(filters: int, width: float, least: int = 4) -> int:
    """Multiply a filter count by the width, never below `least`."""
    return max(least, round(filters * width))


def _plain(value: Scaling) -> float | list[float]:
    return list(value) if isinstance(value, tuple) else value
