"""How each Keras 3 layer is made in tf_keras: which of its settings mean the same, and what must be spelled out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgevision.tensorflow_setup import keras
from edgevision_runtime.errors import ModelError

layers = keras.layers

_CONVOLUTION = ("kernel_size", "strides", "padding", "dilation_rate", "use_bias")
# class → settings that mean the same in both; every other setting concerns training only or is checked below
_SAME: dict[str, tuple[str, ...]] = {
    "Conv2D": (*_CONVOLUTION, "filters", "groups"),
    "DepthwiseConv2D": (*_CONVOLUTION, "depth_multiplier"),
    "SeparableConv2D": (*_CONVOLUTION, "filters", "depth_multiplier"),
    "Conv2DTranspose": (*_CONVOLUTION, "filters", "output_padding"),
    "Dense": ("units", "use_bias"),
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale"),
    "LayerNormalization": ("axis", "epsilon", "center", "scale"),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "PReLU": ("shared_axes",),
    "ELU": ("alpha",),
    "Softmax": ("axis",),
    "Activation": (),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "AveragePooling2D": ("pool_size", "strides", "padding"),
    "GlobalMaxPooling2D": ("keepdims",),
    "GlobalAveragePooling2D": ("keepdims",),
    "Flatten": (),
    "Reshape": ("target_shape",),
    "Permute": ("dims",),
    "ZeroPadding2D": ("padding",),
    "Cropping2D": ("cropping",),
    "UpSampling2D": ("size", "interpolation"),
    "Resizing": ("height", "width", "interpolation", "crop_to_aspect_ratio"),
    "Rescaling": ("scale", "offset"),
    "Dropout": ("rate",),
    "SpatialDropout2D": ("rate",),
    "GaussianDropout": ("rate",),
    "GaussianNoise": ("stddev",),
    "Add": (),
    "Subtract": (),
    "Multiply": (),
    "Average": (),
    "Maximum": (),
    "Minimum": (),
    "Concatenate": ("axis",),
}
_SAME_ACTIVATIONS = {
    **{name: name for name in ("relu", "softmax", "sigmoid", "tanh", "gelu", "elu", "selu", "softplus", "softsign")},
    **{"silu": "swish", "swish": "swish", "exponential": "exponential"},
}
# settings that must have this value, because the twin has no such setting
_MUST_BE: dict[str, Any] = {"data_format": "channels_last", "rms_scaling": False, "pad_to_aspect_ratio": False}
_ADVICE = "replace it by ordinary layers, or convert without shrinking: edgevision convert"


class Carrier:
    """Makes the twins and remembers whose weights they take."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self._pairs: list[tuple[Any, Any]] = []
        self._used: set[int] = set()

    def call(self, operation: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """The output of the twin of one Keras 3 operation.

        Raises:
            ModelError: names the operation.
        """
        kind, name = type(operation).__name__, str(operation.name)
        if not hasattr(operation, "get_weights"):
            return _arithmetic(kind, name, arguments, keywords)
        if id(operation) in self._used:
            raise ModelError(f"layer {name!r} ({kind}) is used more than once", expected="each layer used once")
        self._used.add(id(operation))
        if {key for key, value in keywords.items() if value is not None} - {"training"} or len(arguments) != 1:
            raise ModelError(f"layer {name!r} ({kind}) is called with more than its input", hint=_ADVICE)
        tensor = arguments[0]
        if kind.startswith("Random") or kind in ("Identity", "ActivityRegularization", "AugMix", "MixUp"):
            self.dropped.append(f"{name} ({kind})")
            return tensor
        if kind == "Normalization":
            return _rescaling(operation, name)(tensor)
        if kind == "LeakyReLU":
            return layers.LeakyReLU(operation.get_config()["negative_slope"], name=name)(tensor)
        return self._twin(operation, kind, name, tensor)

    def copy_weights(self) -> None:
        """Give every twin the weights of its source, once the network is whole."""
        for source, twin in self._pairs:
            twin.set_weights(source.get_weights())

    def _twin(self, operation: Any, kind: str, name: str, tensor: Any) -> Any:
        if kind not in _SAME:
            raise ModelError(f"layer {name!r} ({kind}) cannot be carried over from Keras 3", hint=_ADVICE)
        config = operation.get_config()
        for setting, value in _MUST_BE.items():
            if config.get(setting, value) != value:
                raise ModelError(
                    f"layer {name!r} ({kind}) has {setting}={config[setting]!r}", expected=repr(value), hint=_ADVICE
                )
        if kind == "Activation":
            return _activated(tensor, operation.activation, name, owner=f"{name!r} ({kind})")
        twin = getattr(layers, kind)(name=name, **{key: config[key] for key in _SAME[kind] if key in config})
        made = twin(tensor)
        if operation.weights:
            self._pairs.append((operation, twin))
        activation = getattr(operation, "activation", None)
        if activation is None:
            return made
        return _activated(made, activation, f"{name}_activation", owner=f"{name!r} ({kind})")


def _activated(tensor: Any, activation: Any, name: str, *, owner: str) -> Any:
    """The tensor after a Keras 3 activation; those that mean something else in Keras 2 are spelled out."""
    kind = str(getattr(activation, "__name__", type(activation).__name__))
    if kind == "linear":
        return tensor
    if kind == "relu6":
        return layers.ReLU(6.0, name=name)(tensor)
    if kind == "leaky_relu":
        return layers.LeakyReLU(0.2, name=name)(tensor)
    if kind == "hard_sigmoid":  # relu6(x + 3) / 6 here, clip(0.2 x + 0.5) in Keras 2
        return _hard_sigmoid(tensor, name)
    if kind in ("hard_silu", "hard_swish"):
        return layers.Multiply(name=name)([tensor, _hard_sigmoid(tensor, f"{name}_gate")])
    if kind not in _SAME_ACTIVATIONS:
        raise ModelError(f"layer {owner} has activation {kind!r}, which cannot be carried over", hint=_ADVICE)
    return layers.Activation(_SAME_ACTIVATIONS[kind], name=name)(tensor)


def _hard_sigmoid(tensor: Any, name: str) -> Any:
    shifted = layers.Rescaling(1.0, 3.0, name=f"{name}_shift")(tensor)
    return layers.Rescaling(1 / 6, name=name)(layers.ReLU(6.0, name=f"{name}_relu6")(shifted))


def _rescaling(operation: Any, name: str) -> Any:
    """A Normalization layer with its statistics written down: (x − mean) / std."""
    config = operation.get_config()
    if config.get("invert"):
        raise ModelError(f"layer {name!r} (Normalization) has invert=True", hint=_ADVICE)
    mean, deviation = np.ravel(np.asarray(operation.mean)), np.sqrt(np.ravel(np.asarray(operation.variance)))
    scale = 1.0 / np.maximum(deviation, 1e-7)
    return layers.Rescaling(scale.tolist(), (-mean * scale).tolist(), name=name)


def _arithmetic(kind: str, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """`a + b`, `a - b`, `a * b`, `a / b` written with operators, of two tensors or a tensor and a number."""
    values = [*arguments, *keywords.values()]
    numbers = [value for value in values if np.isscalar(value) or isinstance(value, np.ndarray)]
    if kind in ("Add", "Subtract", "Multiply") and len(values) == 2 and not numbers:
        return getattr(layers, kind)(name=name)(values)
    if kind in _AFFINE and len(values) == 2 and len(numbers) == 1 and np.size(numbers[0]) == 1:
        number, is_first = float(np.reshape(numbers[0], ())), values[0] is numbers[0]
        made = _AFFINE[kind](number, is_first)
        if made is not None:
            return layers.Rescaling(*made, name=name)(values[1] if is_first else values[0])
    raise ModelError(f"operation {name!r} ({kind}) cannot be carried over from Keras 3", hint=_ADVICE)


# operator → (scale, offset) of a Rescaling, from the number and whether it stands first
_AFFINE: dict[str, Callable[[float, bool], tuple[float, float] | None]] = {
    "Add": lambda number, is_first: (1.0, number),
    "Subtract": lambda number, is_first: (-1.0, number) if is_first else (1.0, -number),
    "Multiply": lambda number, is_first: (number, 0.0),
    "TrueDivide": lambda number, is_first: None if is_first or number == 0 else (1 / number, 0.0),
    "Divide": lambda number, is_first: None if is_first or number == 0 else (1 / number, 0.0),
}
