"""Random changes to pictures that a label survives; a mask moves with its picture. Same seed, same pictures."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from edgevision.data.images import IGNORE
from edgevision.tensorflow_setup import tf
from edgevision_runtime.errors import UsageError, did_you_mean

LUMA = {"rgb": (0.299, 0.587, 0.114), "bgr": (0.114, 0.587, 0.299)}  # BT.601
PRESETS = {
    "light": "flip,rotate=5,zoom=0.05,brightness=0.1,contrast=0.1",
    "strong": "flip,rotate=15,zoom=0.15,crop=0.15,brightness=0.25,contrast=0.25,color=0.2,noise=6,blur=0.8",
}


@dataclass(frozen=True)
class Augmentation:
    """How far each picture may be changed; each draws its own amount, evenly, up to the one given. 0: not at all.

    Raises:
        UsageError: an amount out of its range.
    """

    flip: float = 0.0  # chance of left for right
    vflip: float = 0.0  # chance of upside down
    rotate: float = 0.0  # degrees either way
    zoom: float = 0.0  # share larger or smaller
    crop: float = 0.0  # share of the side that a window, placed at random, may leave out
    brightness: float = 0.0  # share of 255 added or taken
    contrast: float = 0.0  # share by which distances from the mean grow or shrink
    color: float = 0.0  # share by which saturation and each channel's gain change
    noise: float = 0.0  # standard deviation in steps of 255
    blur: float = 0.0  # sigma of a Gaussian in pixels

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, (most, _) = getattr(self, field.name), _RANGES[field.name]
            if not 0 <= value <= most:
                raise UsageError(f"augmentation {field.name}={value:g}", expected=f"0 to {most:g}")

    @classmethod
    def parse(cls, text: str) -> Augmentation | None:
        """Read `flip,rotate=10,noise=5`, `none`, `light` or `strong`; a bare name takes its usual amount.

        Raises:
            UsageError: an unknown name, or an amount that is no number or out of range.
        """
        presets = {"none", *PRESETS}
        if presets.intersection(part.strip() for part in text.split(",")) and text.strip() not in presets:
            raise UsageError(f"augmentation {text!r}", expected="a preset alone, or names and amounts alone")
        text = PRESETS.get(text.strip(), text.strip())
        if text == "none":
            return None
        amounts: dict[str, float] = {}
        for part in text.split(","):
            name, has_amount, amount = (piece.strip() for piece in part.partition("="))
            if name not in _RANGES:
                known = f"none, {', '.join(PRESETS)}, or some of {', '.join(_RANGES)}"
                hint = did_you_mean(name, [*_RANGES, *PRESETS, "none"])
                raise UsageError(f"augmentation {name!r}", expected=known, hint=hint)
            try:
                amounts[name] = float(amount) if has_amount else _RANGES[name][1]
            except ValueError as error:
                raise UsageError(f"augmentation {part.strip()!r}", expected=f"a number, such as {name}=0.1") from error
        return cls(**amounts)

    def __str__(self) -> str:
        """The form that `parse` reads."""
        amounts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return ",".join(f"{name}={value:g}" for name, value in amounts.items() if value) or "none"

    def __call__(self, images: Any, masks: Any | None, seed: Any, color: str = "rgb") -> tuple[Any, Any | None]:
        """Change a batch.

        `images`: uint8 or float32 (n, h, w, c) of 0..255, c in the order `color`; `masks`: uint8 (n, h, w) or None;
        `seed`: two integers. Returns float32 images of whole steps 0..255, and the masks moved by nearest neighbour
        with 255 where they show what lies outside.
        """
        images = tf.cast(images, tf.float32)
        count = tf.shape(images)[0]
        draw = _Draw(seed, count)
        images, masks = self._flip(images, masks, draw)
        if self.rotate or self.zoom or self.crop:
            images, masks = self._move(images, masks, draw)
        if self.brightness or self.contrast or self.color:
            images = self._recolor(images, draw, color)
        if self.blur:
            images = _blur(images, draw(0.05, self.blur), self.blur)
        if self.noise:
            sigma = draw(0.0, self.noise)[:, None, None, None]
            images += sigma * tf.random.stateless_normal(tf.shape(images), draw.next_seed())
        return tf.clip_by_value(tf.round(images), 0.0, 255.0), masks

    def _flip(self, images: Any, masks: Any | None, draw: _Draw) -> tuple[Any, Any | None]:
        for chance, axis in ((self.flip, 2), (self.vflip, 1)):
            if chance:
                turned = draw(0.0, 1.0) < chance
                images = tf.where(turned[:, None, None, None], tf.reverse(images, [axis]), images)
                if masks is not None:
                    masks = tf.where(turned[:, None, None], tf.reverse(masks, [axis]), masks)
        return images, masks

    def _move(self, images: Any, masks: Any | None, draw: _Draw) -> tuple[Any, Any | None]:
        """Rotate about the centre, zoom and crop in one projective transform."""
        height, width = images.shape[1], images.shape[2]
        matrix = self._matrix(height, width, draw)
        size = tf.constant([height, width], tf.int32)
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=matrix,
            output_shape=size,
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )
        if masks is None:
            return images, None
        moved = tf.raw_ops.ImageProjectiveTransformV3(
            images=masks[..., None],
            transforms=matrix,
            output_shape=size,
            fill_value=float(IGNORE),
            interpolation="NEAREST",
            fill_mode="CONSTANT",
        )
        return images, moved[..., 0]

    def _matrix(self, height: int, width: int, draw: _Draw) -> Any:
        """float32 (n, 8): source = centre + share · R(angle) · (target − centre) + shift, for x, then y, then 0 0."""
        angle = draw(-self.rotate, self.rotate) * (math.pi / 180)
        window = draw(1 - self.crop, 1.0)
        share = window / draw(1 - self.zoom, 1 + self.zoom)
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        shift_x = draw(-0.5, 0.5) * (1 - window) * width
        shift_y = draw(-0.5, 0.5) * (1 - window) * height
        cos, sin = share * tf.cos(angle), share * tf.sin(angle)
        x = [cos, -sin, centre_x - cos * centre_x + sin * centre_y + shift_x]
        y = [sin, cos, centre_y - sin * centre_x - cos * centre_y + shift_y]
        zero = tf.zeros_like(angle)
        return tf.stack([*x, *y, zero, zero], axis=1)

    def _recolor(self, images: Any, draw: _Draw, color: str) -> Any:
        """Saturation, gains, contrast about the mean and brightness as one matrix and one offset a picture."""
        channels = images.shape[3]
        contrast = draw(1 - self.contrast, 1 + self.contrast)
        mean = tf.reduce_mean(images, axis=[1, 2, 3])
        offset = (1 - contrast) * mean + 255 * draw(-self.brightness, self.brightness)
        if channels == 3 and self.color:
            saturation = draw(1 - self.color, 1 + self.color)[:, None, None]
            gains = tf.stack([draw(1 - self.color, 1 + self.color) for _ in range(channels)], axis=1)
            luma = tf.constant(LUMA[color], tf.float32)[None, :, None]
            matrix = (saturation * tf.eye(channels) + (1 - saturation) * luma) * gains[:, None, :]
            height, width = images.shape[1], images.shape[2]
            flat = tf.reshape(images, [-1, height * width, channels]) @ matrix
            images = tf.reshape(flat, [-1, height, width, channels])
        return images * contrast[:, None, None, None] + offset[:, None, None, None]


_RANGES: dict[str, tuple[float, float]] = {  # most, usual
    "flip": (1.0, 0.5),
    "vflip": (1.0, 0.5),
    "rotate": (180.0, 10.0),
    "zoom": (0.9, 0.1),
    "crop": (0.9, 0.1),
    "brightness": (1.0, 0.2),
    "contrast": (1.0, 0.2),
    "color": (1.0, 0.1),
    "noise": (128.0, 5.0),
    "blur": (8.0, 1.0),
}


class _Draw:
    """Random numbers, one a picture; each call continues the series that the seed begins."""

    def __init__(self, seed: Any, count: Any) -> None:
        self.seed, self.count, self.calls = tf.cast(seed, tf.int32), count, 0

    def __call__(self, low: float, high: float) -> Any:
        """float32 (n,), even in [low, high)."""
        return tf.random.stateless_uniform([self.count], self.next_seed(), low, max(high, low + 1e-12))

    def next_seed(self) -> Any:
        """Two integers that no other call of this series gets."""
        self.calls += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.calls)


def _blur(images: Any, sigma: Any, most: float) -> Any:
    """A Gaussian of its own width for each picture, rows then columns; `sigma` (n,), none above `most`."""
    reach = math.ceil(2 * most)
    steps = tf.range(-reach, reach + 1, dtype=tf.float32)
    weights = tf.nn.softmax(-(steps[None, :] ** 2) / (2 * sigma[:, None] ** 2), axis=1)
    for axis in (1, 2):
        size = images.shape[axis]
        border = min(reach, size)
        padding = [[0, 0], [0, 0], [0, 0], [0, 0]]
        padding[axis] = [border, border]
        padded = tf.pad(images, padding, "SYMMETRIC")
        blurred = tf.zeros_like(images)
        for tap in range(2 * border + 1):
            part = padded[:, tap : tap + size] if axis == 1 else padded[:, :, tap : tap + size]
            blurred += weights[:, tap + reach - border, None, None, None] * part
        images = blurred
    return images
