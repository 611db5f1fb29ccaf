"""Write tiny pictures and masks by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write_picture(path: Path, seed: int = 0, size: tuple[int, int] = (12, 10)) -> Path:
    """A PNG of random blocks, (height, width) pixels, that no other seed makes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


def write_mask(path: Path, values: list[list[int]]) -> Path:
    """A gray PNG that stores `values`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.array(values, np.uint8))[1].tobytes())
    return path
