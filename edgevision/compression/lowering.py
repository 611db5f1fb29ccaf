"""Rewrite a trained network into the layers that quantize well, with the same outputs.

Rescaling, lone BatchNormalization   a 1×1 depthwise convolution: one int8 operator instead of two
SeparableConv2D                      depthwise + 1×1 convolution
an activation inside a layer         a layer of its own, so that the quantizer stands after it
Activation("relu"), ("relu6")        ReLU, which the converter fuses
Activation("linear")                 nothing
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgevision.compression.graph import Call, consumers, copy_of, producers, rebuild
from edgevision.tensorflow_setup import keras
from edgevision_runtime.errors import ModelError

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D")


def lower(model: Any) -> Any:
    """The same function in quantizable layers, flat; outputs agree to float rounding.

    Raises:
        ModelError: names the layer that cannot be rewritten.
    """
    flat = rebuild(model, _copy)
    readers, sources = consumers(flat), producers(flat)

    def make(call: Call) -> Any:
        layer, kind = call.layer, type(call.layer).__name__
        if kind == "Rescaling":
            return _affine(call, *_rescaling(layer, call), trainable=False)
        if kind == "BatchNormalization" and not _folds(layer, sources[layer.name], readers):
            return _affine(call, *_normalization(layer), trainable=True)
        if kind == "SeparableConv2D":
            return _activated(_separable(call), layer.activation, layer.name)
        if kind == "Activation":
            return _activated(call.input, layer.activation, layer.name)
        if hasattr(layer, "activation") and _name(layer.activation) != "linear":
            made = _copy(call, activation="linear")
            return _activated(made, layer.activation, f"{layer.name}_{_name(layer.activation)}")
        return _copy(call)

    return rebuild(flat, make)


def _copy(call: Call, **changes: Any) -> Any:
    layer = copy_of(call.layer, **changes)
    made = call.repeat_with(layer)
    layer.set_weights(call.layer.get_weights())
    return made


def _folds(layer: Any, sources: list[Any], readers: dict[str, list[Any]]) -> bool:
    """Whether the converter can fold this normalization into the layer before it."""
    source = sources[0]
    return (
        type(source).__name__ in (*CONVOLUTIONS, "Dense")
        and len(readers[source.name]) == 1
        and _name(source.activation) == "linear"
        and list(layer.axis) == [len(layer.input_shape) - 1]
    )


def _activated(tensor: Any, activation: Any, name: str) -> Any:
    """The tensor after an activation, as a layer called `name`."""
    kind = _name(activation)
    if kind == "linear":
        return tensor
    if kind == "relu":
        return keras.layers.ReLU(name=name)(tensor)
    if kind == "relu6":
        return keras.layers.ReLU(6.0, name=name)(tensor)
    if kind == "softmax":
        return keras.layers.Softmax(name=name)(tensor)
    return keras.layers.Activation(activation, name=name)(tensor)


def _separable(call: Call) -> Any:
    layer = call.layer
    depthwise = keras.layers.DepthwiseConv2D(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        depth_multiplier=layer.depth_multiplier,
        dilation_rate=layer.dilation_rate,
        use_bias=False,
        name=f"{layer.name}_depthwise",
    )
    pointwise = keras.layers.Conv2D(layer.filters, 1, use_bias=layer.use_bias, name=f"{layer.name}_pointwise")
    made = pointwise(call.repeat_with(depthwise))
    weights = layer.get_weights()
    depthwise.set_weights(weights[:1])
    pointwise.set_weights(weights[1:])
    return made


def _affine(call: Call, scale: Any, offset: Any, *, trainable: bool) -> Any:
    """`x * scale + offset` per channel, as a 1×1 depthwise convolution."""
    layer, shape = call.layer, call.input.shape
    if len(shape) not in (2, 4):
        raise ModelError(
            f"layer {layer.name!r} ({type(layer).__name__}) works on {len(shape)} axes",
            expected="a picture (batch, height, width, channels) or a vector (batch, channels)",
            hint="leave it out, or quantize after training: edgevision convert --precision int8",
        )
    tensor = call.input
    if len(shape) == 2:
        tensor = keras.layers.Reshape((1, 1, int(shape[-1])), name=f"{layer.name}_spread")(tensor)
    convolution = keras.layers.DepthwiseConv2D(1, name=layer.name, trainable=trainable)
    made = convolution(tensor)
    if len(shape) == 2:
        made = keras.layers.Reshape((int(shape[-1]),), name=f"{layer.name}_flat")(made)
    channels = int(shape[-1])
    kernel = np.broadcast_to(np.asarray(scale, np.float32), (channels,)).reshape(1, 1, channels, 1)
    convolution.set_weights([kernel, np.broadcast_to(np.asarray(offset, np.float32), (channels,))])
    return made


def _rescaling(layer: Any, call: Call) -> tuple[Any, Any]:
    """(scale, offset) of a Rescaling layer."""
    for value in (layer.scale, layer.offset):
        if np.size(value) not in (1, int(call.input.shape[-1])):
            raise ModelError(
                f"layer {layer.name!r} (Rescaling): {np.size(value)} values", expected="one for each channel"
            )
    return np.ravel(layer.scale), np.ravel(layer.offset)


def _normalization(layer: Any) -> tuple[Any, Any]:
    """(scale, offset) of a normalization with its statistics frozen."""
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    scale = 1.0 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * layer.gamma.numpy()
    offset = -mean * scale
    return scale, offset + layer.beta.numpy() if layer.center else offset


def _name(activation: Any) -> str:
    return str(getattr(activation, "__name__", type(activation).__name__))
