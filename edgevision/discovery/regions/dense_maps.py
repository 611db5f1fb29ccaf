"""The maps of a network at two resolutions, over pictures larger than it learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.discovery.keras_backbone import KerasBackbone
from edgevision.tensorflow_setup import keras
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ModelError
from edgevision_runtime.operations import Crop, Resize

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors, Weighing
    from edgevision_runtime.types import Image

STRIDES = (8, 16)  # pixels of the network's input to one place of its maps
MOST_ENLARGED = 2  # the input's longer side, in sides of the pictures that the network learned from
MULTIPLE = 32  # of the input's sides, so that every map fits


class DenseMaps:
    """What a network sees at each place of a picture."""

    weighing: Weighing = "equal"

    def __init__(self, backbone: KerasBackbone, strides: tuple[int, ...] = STRIDES) -> None:
        """Take the last map of each stride; where there is none, of the next finer one.

        Raises:
            ModelError: the network has no maps.
        """
        self.title, self.fingerprint = backbone.title, backbone.fingerprint
        assert backbone.preprocess.size is not None, "networks are trained with a fixed size"
        self._contract, self._learned_side = backbone.preprocess, max(backbone.preprocess.size)
        self._model = _any_size(backbone.model, _layers_of(backbone.model, strides))

    def __call__(self, image: Image) -> list[Vectors]:
        """The maps of a picture, uint8 (h, w, 3) BGR: float32 (places down, places across, channels) each."""
        tensor = np.asarray(self._sized(*image.shape[:2])(image), np.float32)
        return [np.asarray(found)[0] for found in self._model(tensor[None], training=False)]

    def _sized(self, height: int, width: int) -> Preprocess:
        """The contract for the whole of a picture of (height, width), in its proportions."""
        longer_side = max(height, width)
        factor = min(max(longer_side, self._learned_side), MOST_ENLARGED * self._learned_side) / longer_side
        down, across = (max(MULTIPLE, round(side * factor / MULTIPLE) * MULTIPLE) for side in (height, width))
        kept = [one for one in self._contract.operations if not isinstance(one, Crop)]
        size = Resize((down, across), "squash", "bilinear")
        return Preprocess(tuple(size if isinstance(one, Resize) else one for one in kept))


def _layers_of(model: keras.Model, strides: tuple[int, ...]) -> list[str]:
    """Names of the last layer of each stride."""
    height = int(model.input.shape[1])
    by_stride: dict[int, str] = {}
    for layer in model.layers[1:]:
        shape = layer.output.shape
        if isinstance(layer, keras.layers.ZeroPadding2D):
            continue  # as large as a map of another stride
        if len(shape) == 4 and shape[1] is not None and shape[1] > 1:
            by_stride[round(height / int(shape[1]))] = layer.name
    chosen: list[str] = []
    for stride in strides:
        finer = [found for found in by_stride if found <= stride]
        if finer and by_stride[max(finer)] not in chosen:
            chosen.append(by_stride[max(finer)])
    if not chosen:
        raise ModelError(f"{model.name} has no maps to describe regions by", expected="a convolutional network")
    return chosen


def _any_size(model: keras.Model, names: list[str]) -> keras.Model:
    """The part of the model up to these layers, for pictures of any size."""
    part = keras.Model(model.input, [model.get_layer(name).output for name in names])
    channels = int(model.input.shape[-1])
    free: Any = keras.models.clone_model(part, keras.Input((None, None, channels), name="picture"))
    free.set_weights(part.get_weights())
    return free
