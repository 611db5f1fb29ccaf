"""Start a model from weights learned elsewhere: ImageNet's from a pinned package, or another run's.

Layers are matched by name and shape. The head is taken only when it fits (the same classes); every layer that did not
load is named, and when fewer than half of the backbone loads nothing is changed and the load is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.data.packages import INTO_USER_CACHE, FetchOptions
from edgevision.runs import RunDirectory
from edgevision.tensorflow_setup import keras
from edgevision.training.architectures import is_backbone, is_head
from edgevision.training.imagenet import WEIGHTS, LayerWeights, PretrainedWeights
from edgevision.training.load import load_model
from edgevision_runtime.errors import ModelError, UsageError, did_you_mean

WRAPPERS = ("Quantize", "PruneLowMagnitude")  # QuantizeWrapperV2 of tfmot, QuantizedLayer of edgevision …
LEAST_SHARE = 0.5
"""Share of the backbone's layers below which the weights are of another architecture."""


@dataclass(frozen=True)
class LoadedWeights:
    """What a load did: the layers that took weights, those that kept their own, and why."""

    source: str
    licence: str
    loaded: tuple[str, ...]
    kept: dict[str, str] = field(default_factory=dict)
    """Layer name → why it kept its initial weights."""
    adapted: tuple[str, ...] = ()
    """What was changed to make weights fit, in words."""

    def describe(self) -> list[str]:
        """Return one line per fact, for the log; layers that kept their weights are gathered by reason."""
        lines = [
            f"loaded {len(self.loaded)} layers from {self.source}" + (f" ({self.licence})" if self.licence else "")
        ]
        lines += self.adapted
        for reason in dict.fromkeys(self.kept.values()):
            names = ", ".join(name for name, why in self.kept.items() if why == reason)
            lines.append(f"kept initial weights, {reason}: {names}")
        return lines


def load_weights(
    model: keras.Model, architecture: str, source: str | Path, options: FetchOptions = INTO_USER_CACHE
) -> LoadedWeights:
    """Load weights into the model in place and say which layers took them.

    `source` is `imagenet`, a name of `WEIGHTS`, a run directory, or a `.keras` or `.h5` file of an edgevision model.

    Raises:
        UsageError: no such source, or the architecture has no such weights.
        DataError: the pinned package cannot be had.
        ModelError: the file cannot be read, or fewer than half of the backbone's layers find their weights in it.
    """
    pretrained = _registered(architecture, str(source))
    if pretrained is not None:
        name, licence, arrays = pretrained.name, pretrained.licence, pretrained.read(options)
    else:
        path = Path(source)
        name, licence, arrays = f"{source}{_made_with(path)}", "", _layers_of(load_model(path))
    return apply_weights(model, arrays, name, licence)


def _registered(architecture: str, source: str) -> PretrainedWeights | None:
    """Return the registered weights that `source` names for the architecture, or None when it is a path."""
    if source in WEIGHTS:
        if architecture not in WEIGHTS[source].architectures:
            takers = ", ".join(WEIGHTS[source].architectures)
            raise UsageError(f"{source} does not fit {architecture}", expected=f"one of {takers}")
        return WEIGHTS[source]
    if source == "imagenet":
        fitting = [row for row in WEIGHTS.values() if architecture in row.architectures]
        if fitting:
            return fitting[0]
        takers = ", ".join(name for row in WEIGHTS.values() for name in row.architectures)
        raise UsageError(
            f"no pinned package carries ImageNet weights for {architecture}",
            expected=f"one of {takers}",
            hint="or give a run directory or a .keras file with --weights PATH",
        )
    if Path(source).exists():
        return None
    raise UsageError(
        f"no weights at {source}",
        expected=f"imagenet, {', '.join(WEIGHTS)}, or the path of a run directory, .keras or .h5 file",
        hint=did_you_mean(source, ["imagenet", *WEIGHTS]),
    )


def _made_with(path: Path) -> str:
    """What a run directory says of its network, such as ` (resnet8, width 1)`."""
    made = RunDirectory.open(path).record.get("architecture", {}) if path.is_dir() else {}
    width = f", width {made['width']:g}" if "width" in made else ""
    return f" ({made['name']}{width})" if "name" in made else ""


def _layers_of(model: keras.Model) -> LayerWeights:
    """Return the arrays by layer name; a quantizing or pruning wrapper around a layer is refused by name."""
    wrapped = [layer.name for layer in model.layers if type(layer).__name__.startswith(WRAPPERS)]
    if wrapped:
        raise ModelError(
            f"the weights are of a wrapped model ({wrapped[0]})",
            expected="a trained or pruned run, not a quantization-aware one",
            hint="give the run it was made from",
        )
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def apply_weights(model: keras.Model, arrays: LayerWeights, source: str, licence: str = "") -> LoadedWeights:
    """Set the weights of every layer whose name and shapes fit. Raises ModelError when fewer than half fit."""
    fitting: dict[str, list[Any]] = {}
    kept: dict[str, str] = {}
    adapted: list[str] = []
    first = _first_convolution(model)
    for layer in model.layers:
        if not layer.weights:
            continue
        own = [tuple(weight.shape) for weight in layer.weights]
        values = arrays.get(layer.name)
        if values is not None and layer.name == first and len(own) == len(values):
            values, note = _fit_channels(values, own[0])
            adapted += [note] if note else []
        if values is None:
            kept[layer.name] = "not in the source"
        elif [tuple(value.shape) for value in values] != own:
            found = [tuple(value.shape) for value in values]
            kept[layer.name] = f"source has {_shapes(found)}, model has {_shapes(own)}"
        else:
            fitting[layer.name] = values
    _refuse_strangers(model, fitting, kept, source)
    for name, values in fitting.items():
        model.get_layer(name).set_weights(values)
    return LoadedWeights(source, licence, tuple(fitting), kept, tuple(adapted))


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return " ".join("x".join(map(str, shape)) or "scalar" for shape in shapes)


def _refuse_strangers(model: keras.Model, fitting: dict[str, Any], kept: dict[str, str], source: str) -> None:
    backbone = [layer.name for layer in model.layers if layer.weights and is_backbone(layer.name)]
    taken = sum(name in fitting for name in backbone)
    if taken < LEAST_SHARE * len(backbone) or not taken:
        examples = "; ".join(f"{name}: {why}" for name, why in list(kept.items())[:3] if not is_head(name))
        raise ModelError(
            f"{source} fits only {taken} of the {len(backbone)} backbone layers of {model.name}",
            expected="weights of the same architecture and width",
            hint=examples,
        )


def _first_convolution(model: keras.Model) -> str:
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    return next((layer.name for layer in model.layers if isinstance(layer, kinds)), "")


def _fit_channels(values: list[Any], own: tuple[int, ...]) -> tuple[list[Any], str]:
    """Fit the first convolution's kernel (h, w, in, out) to another number of input channels.

    One channel takes the sum over the source's channels: a gray picture then gives what its three equal channels gave.
    Any other number takes the mean, scaled so that equal channels give the same response.
    """
    kernel = values[0]
    if kernel.ndim != 4 or len(own) != 4 or kernel.shape[2] == own[2]:
        return values, ""
    if (kernel.shape[0], kernel.shape[1], kernel.shape[3]) != (own[0], own[1], own[3]):
        return values, ""
    total = kernel.sum(axis=2, keepdims=True)
    fitted = np.repeat(total / own[2], own[2], axis=2)
    how = "their sum" if own[2] == 1 else f"their sum divided by {own[2]} for each"
    note = f"the first convolution was learned on {kernel.shape[2]} channels; for {own[2]} it takes {how}"
    return [fitted, *values[1:]], note
