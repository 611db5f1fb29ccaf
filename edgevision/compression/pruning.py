"""Magnitude pruning by tensorflow-model-optimization: wrap the kernels, thin them out while fitting, strip them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import edgevision.tensorflow_setup  # noqa: F401  first: it sets what tfmot reads when it is imported

# isort: split
import tensorflow_model_optimization as tfmot

from edgevision.compression.graph import Call, copy_of, rebuild, walk
from edgevision.compression.sparsity import PRUNABLE, is_two_of_four, kernel_of, layer_sparsities
from edgevision_runtime.errors import CheckFailed, ModelError, UsageError

SCHEDULES = ("polynomial", "constant")
STRUCTURES = ("2:4",)
_SETTLING_SHARE = 0.3  # of the steps: the network recovers at its final sparsity


@dataclass(frozen=True)
class Pruning:
    """How far and how fast.

    Raises:
        UsageError: a value that cannot be.
    """

    sparsity: float = 0.5  # of each pruned kernel, in (0, 1)
    schedule: str = "polynomial"  # polynomial: from 0 up, slower towards the end (arXiv:1710.01878); constant: at once
    structure: str | None = None  # "2:4": of every 4 neighbouring input channels 2 are zero
    frequency: int | None = None  # steps between two updates of the masks; None: about 30 updates

    def __post_init__(self) -> None:
        _must("sparsity", self.sparsity, math.isfinite(self.sparsity) and 0 < self.sparsity < 1, "between 0 and 1")
        _must("schedule", self.schedule, self.schedule in SCHEDULES, " | ".join(SCHEDULES))
        _must("structure", self.structure, self.structure in (None, *STRUCTURES), " | ".join(STRUCTURES))
        _must("frequency", self.frequency, self.frequency is None or self.frequency >= 1, "1 or more steps")
        if self.structure == "2:4" and self.sparsity != 0.5:
            raise UsageError(f"sparsity {self.sparsity} with structure 2:4", expected="0.5: two of four are zero")


@dataclass(frozen=True)
class Ramp:
    """When the masks change, in steps."""

    frequency: int
    end: int  # the step of the last change

    @classmethod
    def of(cls, pruning: Pruning, steps: int) -> Ramp:
        """The ramp of a fitting of `steps` steps: it ends early enough for the network to recover."""
        if pruning.structure == "2:4":
            return cls(1, 1)  # tfmot chooses these masks once, at the first step
        room = max(1, math.floor(steps * (1 - _SETTLING_SHARE)))
        frequency = min(pruning.frequency or max(1, room // 30), room)
        return cls(frequency, frequency * (room // frequency))

    def settled_epoch(self, steps_per_epoch: int) -> int:
        """The first epoch, counted from 1, at whose end the final masks hold."""
        return math.ceil((self.end + 1) / steps_per_epoch)


def prunable_layers(model: Any, pruning: Pruning) -> tuple[list[str], list[tuple[str, str]]]:
    """(names of the layers to prune, (name, why not) of the others that have a kernel)."""
    chosen, left = [], []
    for layer in walk(model):
        kind = type(layer).__name__
        if kind == "DepthwiseConv2D":
            left.append((layer.name, "depthwise: few weights, each a whole filter"))
        elif kind in PRUNABLE:
            reason = _reason_against(layer, pruning)
            if reason:
                left.append((layer.name, reason))
            else:
                chosen.append(layer.name)
    return chosen, left


def with_masks(model: Any, pruning: Pruning, ramp: Ramp) -> Any:
    """The same network, flat, with its prunable kernels wrapped.

    Raises:
        ModelError: nothing to prune, or a layer that cannot be copied.
    """
    chosen, _ = prunable_layers(model, pruning)
    if not chosen:
        raise ModelError(
            f"model {model.name!r} has no layer to prune",
            expected=f"a layer of {', '.join(PRUNABLE)} with enough weights",
        )

    def make(call: Call) -> Any:
        layer = copy_of(call.layer)
        if call.layer.name in chosen:
            layer = tfmot.sparsity.keras.prune_low_magnitude(layer, **_settings(call.layer, pruning, ramp))
        made = call.repeat_with(layer)
        layer.set_weights(call.layer.get_weights())
        return made

    return rebuild(model, make)


def callbacks() -> list[Any]:
    """What fitting a wrapped network needs."""
    return [tfmot.sparsity.keras.UpdatePruningStep()]


def strip(model: Any) -> Any:
    """The network without wrappers; its zeros stay."""

    def make(call: Call) -> Any:
        source = _unwrapped(call.layer)
        layer = copy_of(source)
        made = call.repeat_with(layer)
        layer.set_weights(source.get_weights())
        return made

    return rebuild(model, make)


def check_sparsity(model: Any, pruned: list[str], pruning: Pruning) -> None:
    """Raise CheckFailed unless every pruned kernel of the finished network has the zeros it should have."""
    found = {layer.layer: layer for layer in layer_sparsities(model)}
    for name in pruned:
        layer = found[name]
        if layer.share < pruning.sparsity - 0.5 / layer.weights - 0.005:
            raise CheckFailed(
                f"layer {name!r} has {layer.share:.1%} zeros", expected=f"{pruning.sparsity:.1%}", hint="more epochs"
            )
    if pruning.structure == "2:4":
        for layer in walk(model):
            kernel = kernel_of(layer) if layer.name in pruned else None
            if kernel is not None and not is_two_of_four(kernel):
                raise CheckFailed(f"layer {layer.name!r} is not 2:4 sparse", expected="two zeros in every four weights")


def _settings(layer: Any, pruning: Pruning, ramp: Ramp) -> dict[str, Any]:
    schedules = tfmot.sparsity.keras
    target = _target(layer, pruning)
    if pruning.structure == "2:4":
        return {"pruning_schedule": schedules.ConstantSparsity(0.5, 0), "sparsity_m_by_n": (2, 4)}
    if pruning.schedule == "constant":
        schedule = schedules.ConstantSparsity(target, 0, ramp.end, ramp.frequency)
    else:
        schedule = schedules.PolynomialDecay(0.0, target, 0, ramp.end, power=3, frequency=ramp.frequency)
    return {"pruning_schedule": schedule}


def _target(layer: Any, pruning: Pruning) -> float:
    """The sparsity that leaves a whole number of weights, so that tfmot's rounding cannot miss it."""
    kernel = kernel_of(layer)
    assert kernel is not None
    return min(round(kernel.size * pruning.sparsity), kernel.size - 1) / float(kernel.size)


def _reason_against(layer: Any, pruning: Pruning) -> str:
    kernel = kernel_of(layer)
    assert kernel is not None
    if kernel.size < 2:
        return "a single weight"
    if pruning.structure == "2:4":
        if type(layer).__name__ not in ("Conv2D", "Dense"):
            return f"2:4 is for Conv2D and Dense, not {type(layer).__name__}"
        if kernel.shape[-2] % 4:
            return f"{kernel.shape[-2]} input channels are not a multiple of 4"
    return ""


def _unwrapped(layer: Any) -> Any:
    return layer.layer if type(layer).__name__.startswith("PruneLowMagnitude") else layer


def _must(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise UsageError(f"{name} is {value!r}", expected=expected)
