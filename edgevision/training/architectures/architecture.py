"""What an architecture is: a row with a builder, the sizes and widths it takes, and its named places.

Layer names are the interface to transfer and freezing: `head_*` depends on the classes, `decoder_*` turns features into
masks, everything else is the backbone. Every builder names every layer, so that weights load by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from edgevision.tensorflow_setup import keras
from edgevision_runtime.errors import UsageError

Task = Literal["classify", "segment"]
Scaling = float | tuple[float, ...]


@dataclass(frozen=True)
class ArchitectureOptions:
    """What the caller chooses; `None` stands for the architecture's own value.

    The model's input is float32 (N, h, w, c) with values 0..255; its first layer computes
    `x * input_scale + input_offset`, each one number or one per channel.
    """

    input_shape: tuple[int, int, int]
    classes: int
    width: float = 1.0
    input_scale: Scaling | None = None
    input_offset: Scaling | None = None
    dropout: float | None = None


@dataclass(frozen=True)
class Architecture:
    """One row of the table: how to build the model, and what it can be asked for."""

    name: str
    task: Task
    builder: Callable[[ArchitectureOptions], keras.Model]
    default_size: tuple[int, int]
    description: str
    widths: tuple[float, float] = (0.1, 4.0)
    """Least and most width multiplier; (1.0, 1.0) when the architecture has only one."""
    minimum_size: int = 8
    size_multiple: int = 1
    """Height and width must be multiples of this (masks keep the input's resolution)."""
    embedding: str = "pool"
    """The layer that gives the embedding: (N, d), or (N, h', w', d) to be averaged over h' and w'."""
    input_scale: Scaling = 1 / 127.5
    input_offset: Scaling = -1.0
    dropout: float = 0.0

    def build(self, options: ArchitectureOptions) -> keras.Model:
        """Build the untrained model. Raises UsageError when a size, width or class count cannot be."""
        self._check(options)
        channels = options.input_shape[2]
        filled = replace(
            options,
            input_scale=per_channel(self.input_scale if options.input_scale is None else options.input_scale, channels),
            input_offset=per_channel(
                self.input_offset if options.input_offset is None else options.input_offset, channels
            ),
            dropout=self.dropout if options.dropout is None else options.dropout,
        )
        return self.builder(filled)

    def _check(self, options: ArchitectureOptions) -> None:
        height, width, channels = options.input_shape
        least, most = self.widths
        if not least <= options.width <= most:
            has = f"{least:g} only" if least == most else f"any from {least:g} to {most:g}"
            raise UsageError(f"{self.name} has no width {options.width:g}", expected=has)
        if min(height, width) < self.minimum_size:
            raise UsageError(
                f"image size {height}x{width} is too small for {self.name}",
                expected=f"at least {self.minimum_size}x{self.minimum_size}",
            )
        if height % self.size_multiple or width % self.size_multiple:
            raise UsageError(
                f"image size {height}x{width} does not fit {self.name}",
                expected=f"height and width that are multiples of {self.size_multiple}",
                hint=f"the nearest is {self._nearest(height)}x{self._nearest(width)}",
            )
        if options.classes < 2:
            raise UsageError(f"{options.classes} classes", expected="at least 2")
        if channels < 1:
            raise UsageError(f"{channels} input channels", expected="at least 1")

    def _nearest(self, pixels: int) -> int:
        step = self.size_multiple
        return max(step, (pixels + step // 2) // step * step)


def per_channel(value: Scaling, channels: int) -> Scaling:
    """Fit a scaling to a channel count: a scaling per RGB channel becomes its mean for any other count."""
    if isinstance(value, tuple) and len(value) != channels:
        if len(value) != 3:
            raise UsageError(f"a scaling of {len(value)} channels for {channels} channels", expected=f"{channels}")
        return sum(value) / 3
    return value


def is_head(layer_name: str) -> bool:
    """Whether the layer depends on the classes and is replaced in transfer."""
    return layer_name.startswith("head_")


def is_backbone(layer_name: str) -> bool:
    """Whether `--freeze` freezes the layer: neither head nor decoder."""
    return not layer_name.startswith(("head_", "decoder_"))


def backbone_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers that carry what was learned elsewhere: all but `head_*` and `decoder_*`."""
    return [layer for layer in model.layers if is_backbone(layer.name)]
