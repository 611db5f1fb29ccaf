"""What a camera agreed to, which is seldom exactly what it was asked for."""

from __future__ import annotations

from typing import NamedTuple


class Granted(NamedTuple):
    """The stream as it is."""

    format: str  # FourCC or the library's name: MJPG, YUYV, YUV420 …
    size: tuple[int, int]  # (width, height) of what the camera sends
    fps: float | None  # None: it does not say
    frame_size: tuple[int, int]  # (width, height) of the frames: smaller when decoded or scaled for a model

    def __str__(self) -> str:
        fps = "" if self.fps is None else f" at {self.fps:g} fps"
        scaled = "" if self.frame_size == self.size else f", frames of {_text(self.frame_size)}"
        return f"{self.format} {_text(self.size)}{fps}{scaled}"


MOST_FPS = 1000.0  # who does not know the rate says 0, 90000 or 1e6


def fourcc_text(number: int) -> str:
    """The four letters of a pixel format; V4L2's other name for Motion JPEG is told as MJPG."""
    text = (number & 0xFFFFFFFF).to_bytes(4, "little").decode("latin-1").strip("\0 ")
    return "MJPG" if text == "JPEG" else text


def stated_fps(value: float) -> float | None:
    """A frame rate as a driver or a container states it; None when it is none."""
    return value if 0 < value <= MOST_FPS else None


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
