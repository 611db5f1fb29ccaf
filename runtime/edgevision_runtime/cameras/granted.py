"""What a camera agreed to, which is seldom exactly what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Granted:
    """The stream as it is."""

    format: str  # FourCC or the library's name: MJPG, YUYV, YUV420 …
    size: tuple[int, int]  # (width, height) of what the camera sends
    fps: float | None  # None: it does not say
    frame_size: tuple[int, int]  # (width, height) of the frames: smaller when decoded or scaled for a model

    def __str__(self) -> str:
        fps = "" if self.fps is None else f" at {self.fps:g} fps"
        scaled = "" if self.frame_size == self.size else f", frames of {_text(self.frame_size)}"
        return f"{self.format} {_text(self.size)}{fps}{scaled}"


def scaled_to(size: tuple[int, int], needed: tuple[int, int] | None) -> tuple[int, int]:
    """The smallest even size in the shape of `size` that holds `needed` in both directions; at most `size`."""
    if needed is None:
        return size
    factor = min(1.0, max(needed[0] / size[0], needed[1] / size[1]))
    return min(size[0], _even(size[0] * factor)), min(size[1], _even(size[1] * factor))


def _even(length: float) -> int:
    return 2 * max(1, -int(-length // 2))


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
