"""Count the zeros of a network, layer by layer, and check the 2:4 pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision.compression.graph import walk

# layer class → its kernel that magnitude pruning may thin out. Depthwise kernels are left alone: they hold few weights,
# and each of them is a whole filter.
PRUNABLE = {
    "Conv2D": "kernel",
    "Conv2DTranspose": "kernel",
    "Dense": "kernel",
    "SeparableConv2D": "pointwise_kernel",
}


@dataclass(frozen=True)
class LayerSparsity:
    """The kernel of one layer."""

    layer: str
    weights: int
    zeros: int

    @property
    def share(self) -> float:
        """Zeros, 0..1."""
        return self.zeros / self.weights


def layer_sparsities(model: Any) -> list[LayerSparsity]:
    """One entry for each prunable kernel, in the order of the network."""
    counted = []
    for layer in walk(model):
        kernel = kernel_of(layer)
        if kernel is not None:
            counted.append(LayerSparsity(layer.name, kernel.size, kernel.size - int(np.count_nonzero(kernel))))
    return counted


def overall_sparsity(layers: list[LayerSparsity]) -> float:
    """Zeros over weights of all the kernels, 0..1."""
    return sum(layer.zeros for layer in layers) / max(1, sum(layer.weights for layer in layers))


def kernel_of(layer: Any) -> npt.NDArray[np.float32] | None:
    """The prunable kernel of a layer, wrapped for quantization or not; None when it has none."""
    inner = getattr(layer, "layer", layer)
    attribute = PRUNABLE.get(type(inner).__name__)
    if attribute is None:
        return None
    if inner is layer:
        return np.asarray(getattr(layer, attribute).numpy())
    # a quantizing wrapper holds the variable; what the layer inside has is its quantized value
    found = [weight for weight in layer.weights if weight.name.split("/")[-1].split(":")[0] == attribute]
    return np.asarray(found[0].numpy()) if found else None


def is_two_of_four(kernel: npt.NDArray[Any]) -> bool:
    """Whether of every 4 neighbours along the input channels (…, in, out) at least 2 are zero."""
    moved = np.moveaxis(kernel, -2, -1)
    if moved.shape[-1] % 4:
        return False
    groups = moved.reshape(-1, 4)
    return bool((np.count_nonzero(groups, axis=1) <= 2).all())
