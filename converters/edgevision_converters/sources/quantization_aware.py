"""The plain float network inside a quantization-aware model: same layers, same weights, no fake quantization."""

from __future__ import annotations

from typing import Any

from edgevision_converters.tensorflow_setup import keras


def strip(model: Any) -> Any:
    """A tf_keras model without tfmot's QuantizeWrapper and QuantizeLayer."""
    plain = keras.models.clone_model(model, clone_function=_plain_layer)
    for layer in model.layers:
        inner = getattr(layer, "layer", layer)
        twin = plain.get_layer(inner.name)
        if twin.weights:
            twin.set_weights(inner.get_weights())
    return plain


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
