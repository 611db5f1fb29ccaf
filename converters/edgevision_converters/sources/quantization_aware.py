"""The plain float network inside a quantization-aware model: same layers, same weights, no fake quantization."""

from __future__ import annotations

from typing import Any

from edgevision_converters.fake_quantization import QuantizedInput, QuantizedLayer, without_quantization
from edgevision_converters.tensorflow_setup import keras


def strip(model: Any) -> Any:
    """A tf_keras model without fake quantization, whether edgevision or plain tfmot put it in."""
    if any(isinstance(layer, (QuantizedInput, QuantizedLayer)) for layer in model.layers):
        return without_quantization(model)
    plain = keras.models.clone_model(model, clone_function=_plain_layer)
    for layer in model.layers:
        twin = plain.get_layer(getattr(layer, "layer", layer).name)
        values = {_last_part(weight.name): weight.numpy() for weight in layer.weights}
        twin.set_weights([values[_last_part(weight.name)] for weight in twin.weights])
    return plain


def _last_part(name: str) -> str:
    """`kernel` of `quant_conv2d/kernel:0`."""
    return name.rsplit("/", 1)[-1].split(":")[0]


def _plain_layer(layer: Any) -> Any:
    kind = type(layer).__name__
    if kind == "QuantizeLayer":
        return keras.layers.Activation("linear", name=layer.name)
    if not kind.startswith("QuantizeWrapper"):
        return type(layer).from_config(layer.get_config())
    inner = layer.layer
    activation = getattr(inner, "activation", None)
    wrapped = getattr(activation, "activation", None)  # tfmot's QuantizeAwareActivation around the real one
    if wrapped is not None:
        inner.activation = wrapped
    try:
        config = inner.get_config()
    finally:
        if wrapped is not None:
            inner.activation = activation
    if (
        getattr(wrapped or activation, "__name__", "") == "no_op"
        or type(wrapped or activation).__name__ == "NoOpActivation"
    ):
        config["activation"] = "linear"
    return type(inner).from_config(config)
