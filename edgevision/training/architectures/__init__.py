"""The architectures edgevision trains, one row each: `build("mobilenet_v2", ArchitectureOptions((96, 96, 3), 4))`.

Every model takes the contract's image as float32 of 0..255 and rescales it in its first layer. Classifiers end in
softmax (N, classes), segmenters in logits (N, h, w, classes) at the input's resolution.
"""

from __future__ import annotations

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures import (
    applications,
    efficientnet_lite,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    segment_mobilenet_v2,
    small,
    unet,
)
from edgevision.training.architectures.architecture import (
    Architecture,
    ArchitectureOptions,
    Task,
    backbone_layers,
    is_backbone,
    is_head,
)
from edgevision_runtime.errors import UsageError, did_you_mean

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "ArchitectureOptions",
    "backbone_layers",
    "build",
    "find_architecture",
    "is_backbone",
    "is_head",
]

ARCHITECTURES: dict[str, Architecture] = {
    row.name: row
    for row in (
        *small.ROWS,
        *mobilenet_v1.ROWS,
        *mobilenet_v2.ROWS,
        *mobilenet_v3.ROWS,
        *efficientnet_lite.ROWS,
        *applications.ROWS,
        *unet.ROWS,
        *segment_mobilenet_v2.ROWS,
    )
}


def find_architecture(name: str, task: Task | None = None) -> Architecture:
    """Return the row of that name. Raises UsageError with the nearest name, or when it is for another task."""
    names = [row.name for row in ARCHITECTURES.values() if task in (None, row.task)]
    if name in names:
        return ARCHITECTURES[name]
    if name in ARCHITECTURES:
        raise UsageError(f"{name} cannot {task}", expected=f"one of {', '.join(names)}")
    hint = did_you_mean(name, names)
    raise UsageError(f"no architecture is called '{name}'", expected=f"one of {', '.join(names)}", hint=hint)


def build(name: str, options: ArchitectureOptions) -> keras.Model:
    """Build an untrained model by name. Raises UsageError when the name, size or width cannot be."""
    return find_architecture(name).build(options)
