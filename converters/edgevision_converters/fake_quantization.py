"""The layers of a quantization-aware network: tfmot's wrapper, and what of a layer is quantized how.

`edgevision quantize` puts them into a network; whoever reads such a file needs them too.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from edgevision_converters.tensorflow_setup import keras, tf  # first: it sets what tfmot reads when it is imported

# isort: split
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.prune_preserve import (
    prune_preserve_quantize_registry as preserving,
)
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import default_8bit_quantizers
from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import QuantizeLayer

_quantization: Any = tfmot.quantization.keras
_LEAST_SPAN = 1e-4  # a tensor that is all zero still needs a scale


class ActivationRange(_quantization.quantizers.MovingAverageQuantizer):  # type: ignore[misc]
    """An 8-bit asymmetric range: that of the first batch, then a moving average.

    tfmot's own starts at ±6 with a decay of 0.999, which a short training never leaves. The variables have the same
    names, so a saved model loads with either.
    """

    DECAY = 0.95

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Two scalars, equal (0) until the first batch."""
        return {
            f"{end}_var": layer.add_weight(
                f"{name}_{end}", initializer=keras.initializers.Constant(0.0), trainable=False
            )
            for end in ("min", "max")
        }

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **_: Any) -> Any:
        """Fake-quantize; learn the range while training."""
        low, high = weights["min_var"], weights["max_var"]
        if training:
            batch_low = tf.minimum(tf.reduce_min(inputs), 0.0)
            batch_high = tf.maximum(tf.maximum(tf.reduce_max(inputs), 0.0), batch_low + _LEAST_SPAN)
            share = tf.where(high > low, 1.0 - self.DECAY, 1.0)
            low, high = low.assign_add(share * (batch_low - low)), high.assign_add(share * (batch_high - high))
        return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high, num_bits=8)

    def get_config(self) -> dict[str, Any]:
        """Nothing to say."""
        return {}


def _weight_quantizer(kind: str, *, keeps_zeros: bool) -> Any:
    """Symmetric 8 bit: per output channel for convolutions, per tensor for dense layers."""
    if kind == "dense":
        if keeps_zeros:
            return preserving.PrunePreserveDefault8BitWeightsQuantizer()
        return _quantization.quantizers.LastValueQuantizer(8, per_axis=False, symmetric=True, narrow_range=True)
    if kind == "transposed":
        return default_8bit_quantizers.Default8BitConvTransposeWeightsQuantizer()
    if keeps_zeros:
        return preserving.PrunePreserveDefault8BitConvWeightsQuantizer()
    return default_8bit_quantizers.Default8BitConvWeightsQuantizer()


# layer class → (name of its kernel, how it is quantized)
KERNELS = {
    "Conv2D": ("kernel", "convolution"),
    "DepthwiseConv2D": ("depthwise_kernel", "convolution"),
    "Conv2DTranspose": ("kernel", "transposed"),
    "Dense": ("kernel", "dense"),
}


class LayerQuantization(_quantization.QuantizeConfig):  # type: ignore[misc]
    """How one layer is quantized.

    `kernel`: the class name in `KERNELS` whose kernel is quantized, or None. `output`: "learned", None (the next layer
    quantizes, or the range is the input's), or a fixed (low, high). `keeps_zeros`: pruned weights stay zero.
    """

    def __init__(self, kernel: str | None, output: Any, keeps_zeros: bool = False) -> None:
        self.kernel, self.keeps_zeros = kernel, keeps_zeros
        self.output = tuple(output) if isinstance(output, (list, tuple)) else output

    def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
        """The kernel and its quantizer."""
        if self.kernel is None:
            return []
        attribute, kind = KERNELS[self.kernel]
        return [(getattr(layer, attribute), _weight_quantizer(kind, keeps_zeros=self.keeps_zeros))]

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        """Let the layer compute with the quantized kernel."""
        if self.kernel is not None:
            setattr(layer, KERNELS[self.kernel][0], quantize_weights[0])

    def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
        """None: activations are layers of their own here."""
        return []

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        """Nothing to set."""

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        """The quantizer of the output, if it has one."""
        if self.output is None:
            return []
        if self.output == "learned":
            return [ActivationRange()]
        return [fixed_range(*self.output)]

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        output = list(self.output) if isinstance(self.output, tuple) else self.output
        return {"kernel": self.kernel, "output": output, "keeps_zeros": self.keeps_zeros}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LayerQuantization:
        """The inverse of `get_config`."""
        return cls(**config)


class QuantizedLayer(_quantization.QuantizeWrapperV2):  # type: ignore[misc]
    """tfmot's wrapper, made to survive saving in the `.keras` format and to leave frozen layers frozen."""

    def get_config(self) -> dict[str, Any]:
        """The layer inside and how it is quantized."""
        layer = keras.saving.serialize_keras_object(self.layer)
        return {"name": self.name, "layer": layer, "quantization": self.quantize_config.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizedLayer:
        """The inverse of `get_config`."""
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(layer, LayerQuantization.from_config(config["quantization"]), name=config["name"])

    def build(self, input_shape: Any) -> None:
        """Build the layer inside first, so that the variables are counted the same way when the model is read."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        super().build(input_shape)

    @property
    def trainable_weights(self) -> list[Any]:
        """Those of the layer inside, unless it is frozen."""
        return list(super().trainable_weights) if self.layer.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Ranges, and everything of a frozen layer."""
        frozen = [] if self.layer.trainable else list(self._trainable_weights)
        return list(self._dedup_weights(frozen + super().non_trainable_weights))


def fixed_range(low: float, high: float) -> Any:
    """A range that training does not move."""
    return _quantization.quantizers.FixedQuantizer(8, float(low), float(high), narrow_range=False)


class QuantizedInput(QuantizeLayer):  # type: ignore[misc]
    """Quantizes the network's input to a fixed range; (0, 255) gives scale 1, zero point −128."""

    def __init__(self, low: float, high: float, **keywords: Any) -> None:
        super().__init__(fixed_range(low, high), **keywords)
        self.low, self.high = low, high

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {"name": self.name, "low": self.low, "high": self.high}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizedInput:
        """The inverse of `get_config`."""
        return cls(**config)


def quantization_scope() -> AbstractContextManager[None]:
    """A model that `edgevision quantize` wrote is read inside this, by `keras.models.load_model(path)`."""
    kinds = (ActivationRange, LayerQuantization, QuantizedInput, QuantizedLayer)
    scope: AbstractContextManager[None] = _quantization.quantize_scope({kind.__name__: kind for kind in kinds})
    return scope


def without_quantization(model: Any) -> Any:
    """The float network inside: same layers, same weights, nothing quantized."""
    plain = keras.models.clone_model(model, clone_function=_plain_layer)
    for layer in model.layers:
        values = {_last_part(weight.name): weight.numpy() for weight in layer.weights}
        twin = plain.get_layer(layer.name)
        twin.set_weights([values[_last_part(weight.name)] for weight in twin.weights])
    return plain


def _plain_layer(layer: Any) -> Any:
    if isinstance(layer, QuantizedInput):
        return keras.layers.Activation("linear", name=layer.name)
    inner = layer.layer if isinstance(layer, QuantizedLayer) else layer
    return type(inner).from_config({**inner.get_config(), "name": layer.name})


def _last_part(name: str) -> str:
    return name.split("/")[-1].split(":")[0]
