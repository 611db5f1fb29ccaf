"""Put fake quantization into a network, where the int8 kernels will really quantize.

Each tensor is quantized once, where its kernel writes it: after the activation that is fused into it, never between a
convolution and its normalization. A layer that only moves values (pooling by maximum, reshape, upsampling) keeps the
range of its input. The layers are wrapped by tensorflow-model-optimization; which is quantized how is decided here,
because its own pattern list knows neither Rescaling nor branches such as the skip connections of a U-Net.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgevision.compression.graph import Call, consumers, copy_of, rebuild, walk
from edgevision.compression.lowering import lower
from edgevision.tensorflow_setup import keras, tf
from edgevision_converters.fake_quantization import KERNELS, LayerQuantization, QuantizedInput, QuantizedLayer
from edgevision_runtime.errors import ModelError, UsageError

INPUT_NAME = "quantize_input"
_WRAPPERS = ("QuantizedLayer", "QuantizedInput", "QuantizeWrapper", "QuantizeWrapperV2", "QuantizeLayer")
# layers whose int8 kernel gives the output the scale of its input
_MOVERS = ["MaxPooling2D", "GlobalMaxPooling2D", "Flatten", "Reshape", "Permute", "ZeroPadding2D", "Cropping2D"]
_MOVERS += [
    "AveragePooling2D",
    "UpSampling2D",
    "Resizing",
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
]
_COMPUTERS = ["ReLU", "LeakyReLU", "Add", "Multiply", "Concatenate", "GlobalAveragePooling2D"]
# the kernels of these write a fixed range
_FIXED_ACTIVATIONS = {"sigmoid": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128)}
_LEARNED_ACTIVATIONS = ("swish", "gelu")
_ADVICE = "replace the layer, or skip QAT and quantize after training: edgevision convert --precision int8"


@dataclass(frozen=True)
class Quantization:
    """What quantization-aware training needs to know of the network beside its layers."""

    input_range: tuple[float, float]  # of what the contract makes: (0, 255) when it does not normalize
    keeps_zeros: bool = False  # pruned weights stay zero
    freezes_normalization: bool = True  # batch statistics stay as trained


def quantization_aware(model: Any, quantization: Quantization) -> Any:
    """A network that computes as its int8 version will, with the weights of `model` and ranges still to be learned.

    Raises:
        ModelError: names each layer that cannot be quantized, and what to do.
        UsageError: it is quantization-aware already.
    """
    if is_quantization_aware(model):
        raise UsageError("the model is quantization-aware already", hint="go on with: edgevision convert")
    _check_supported(model)
    lowered = lower(model)
    readers = consumers(lowered)
    entrances = [layer.name for layer in lowered.layers if isinstance(layer, keras.layers.InputLayer)]
    if len(entrances) != 1:
        raise ModelError(f"the model has {len(entrances)} inputs", expected="one picture")
    first = {layer.name for layer in readers[entrances[0]]}
    quantized_input: list[Any] = []

    def make(call: Call) -> Any:
        if call.layer.name in first:
            if not quantized_input:
                quantized_input.append(QuantizedInput(*quantization.input_range, name=INPUT_NAME)(call.input))
            call = Call(call.layer, (quantized_input[0], *call.arguments[1:]), call.keywords)
        return _quantized_call(call, readers, quantization)

    return rebuild(lowered, make)


def is_quantization_aware(model: Any) -> bool:
    """Whether it has tfmot's quantizers in it."""
    return any(type(layer).__name__ in _WRAPPERS for layer in model.layers)


def observe_ranges(model: Any, batches: Iterable[Any]) -> int:
    """Let every activation's quantizer see real inputs before training starts; returns the number of batches.

    Statistics of batch normalization stay as they are.
    """
    normalizations = [layer for layer in map(_inner, model.layers) if _is_normalization(layer)]
    trainable = [layer.trainable for layer in normalizations]
    for layer in normalizations:
        layer.trainable = False
    observe = tf.function(lambda batch: model(batch, training=True))
    count = 0
    for batch in batches:
        observe(tf.cast(batch, tf.float32))
        count += 1
    for layer, was in zip(normalizations, trainable, strict=True):
        layer.trainable = was
    return count


def _check_supported(model: Any) -> None:
    found = [f"{layer.name!r} ({_kind(layer)})" for layer in walk(model) if not _is_supported(layer)]
    if found:
        raise ModelError(f"no quantization-aware training for {', '.join(found)}", hint=_ADVICE)


def _is_supported(layer: Any) -> bool:
    kind = type(layer).__name__
    activation = getattr(layer, "activation", None)
    if activation is not None and not _is_known_activation(activation):
        return False
    if getattr(layer, "data_format", None) == "channels_first":
        return False
    known = (
        *KERNELS,
        *_MOVERS,
        *_COMPUTERS,
        "Rescaling",
        "BatchNormalization",
        "SeparableConv2D",
        "Activation",
        "Softmax",
    )
    return kind in known


def _is_known_activation(activation: Any) -> bool:
    name = getattr(activation, "__name__", "")
    return name in ("linear", "relu", "relu6", "softmax", *_FIXED_ACTIVATIONS, *_LEARNED_ACTIVATIONS)


def _kind(layer: Any) -> str:
    activation = getattr(layer, "activation", None)
    if activation is None or _is_known_activation(activation):
        return type(layer).__name__
    return f"{type(layer).__name__} with activation {getattr(activation, '__name__', activation)!r}"


def _quantized_call(call: Call, readers: dict[str, list[Any]], quantization: Quantization) -> Any:
    """The copy of one layer, wrapped when it has something to quantize."""
    layer = copy_of(call.layer)
    layer.build(_shapes(call.input))
    layer.set_weights(call.layer.get_weights())
    kind = type(layer).__name__
    kernel = kind if kind in KERNELS else None
    keeps_zeros = quantization.keeps_zeros and kind in ("Conv2D", "Dense")
    config = LayerQuantization(kernel, _output(call, readers, quantization), keeps_zeros)
    if _is_normalization(layer) and quantization.freezes_normalization:
        layer.trainable = False
    if config.kernel is None and config.output is None:
        return call.repeat_with(layer)
    return call.repeat_with(QuantizedLayer(layer, config, name=layer.name))


def _output(call: Call, readers: dict[str, list[Any]], quantization: Quantization) -> Any:
    """Where the int8 kernel of this layer gets the range it writes."""
    layer, kind = call.layer, type(call.layer).__name__
    followers = readers[layer.name]
    only = followers[0] if len(followers) == 1 else None
    if kind in _MOVERS or kind == "Softmax":
        return None
    if kind in KERNELS and _is_normalization(only):
        return None
    if kind in (*KERNELS, "BatchNormalization", "Add") and _is_fusable(only):
        return None
    if type(only).__name__ == "Concatenate" and kind != "Activation":
        return None  # takes the range of the whole, which saves the kernel a conversion
    if kind == "Activation" and layer.activation.__name__ in _FIXED_ACTIVATIONS:
        return _FIXED_ACTIVATIONS[layer.activation.__name__]
    if kind == "DepthwiseConv2D" and not layer.trainable and call.input.node.layer.name == INPUT_NAME:
        return _rescaled_range(layer, quantization.input_range)
    return "learned"


def _rescaled_range(layer: Any, input_range: tuple[float, float]) -> tuple[float, float]:
    """What the input's range becomes after the rescaling in the graph."""
    kernel, bias = (weight.reshape(-1) for weight in layer.get_weights())
    ends = np.stack([kernel * end + bias for end in input_range])
    return covering_range(float(ends.min()), float(ends.max()))


def _is_fusable(layer: Any) -> bool:
    """Whether the kernel before it computes this activation too."""
    if type(layer).__name__ != "ReLU":
        return False
    return layer.max_value in (None, 6, 1) and not layer.threshold and not layer.negative_slope


def _is_normalization(layer: Any) -> bool:
    return type(layer).__name__ == "BatchNormalization"


def _inner(layer: Any) -> Any:
    return getattr(layer, "layer", layer)


def _shapes(value: Any) -> Any:
    return [tensor.shape for tensor in value] if isinstance(value, (list, tuple)) else value.shape


def covering_range(low: float, high: float) -> tuple[float, float]:
    """The smallest 8-bit range around [low, high] in which zero is a step: nothing is nudged, nothing ties at half.

    For Rescaling(1/127.5, -1): 127 steps below zero, scale 1/127, so (-1, 128/127).
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if low == 0.0 or high == 0.0:
        return low, high
    below = min(254, max(1, round(-low / (high - low) * 254)))
    step = max(-low / below, high / (255 - below))
    return -below * step, (255 - below) * step
