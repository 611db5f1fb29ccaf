"""Videos whose scenes are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

Colour = tuple[int, int, int]  # BGR

MEADOW, BRICK, NIGHT = (40, 180, 60), (40, 60, 170), (60, 30, 20)


def write_video(path: Path, colours: list[Colour], frames_each: int, fps: float = 10.0) -> Path:
    """A video with a scene of so many frames for each colour: stripes of its own, a disc that wanders, some noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    chance = np.random.default_rng(0)
    for colour in colours:
        stripes = _stripes(sum(colour))
        for frame in range(frames_each):
            picture = stripes[..., None] * np.array(colour, np.float32)
            centre = (16 * 20 + 4 * frame, 16 * 24)  # in sixteenths of a pixel
            cv2.circle(picture, centre, 16 * 6, tuple(255 - part for part in colour), -1, cv2.LINE_AA, 4)
            picture += chance.normal(0, 3, picture.shape)
            writer.write(np.clip(picture, 0, 255).astype(np.uint8))
    writer.release()
    return path


def _stripes(seed: int) -> np.ndarray:
    """Light and dark stripes, float32 (48, 64) of 0..1, whose direction and width follow from the seed."""
    chance = np.random.default_rng(seed)
    angle, period = chance.uniform(0, np.pi), chance.uniform(8, 20)
    y, x = np.mgrid[:48, :64]
    along = x * np.cos(angle) + y * np.sin(angle)
    return (0.5 + 0.5 * np.sin(2 * np.pi * along / period)).astype(np.float32)
