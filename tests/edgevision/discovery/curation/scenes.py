"""Pictures with structure, made by hand: nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIDE = 96  # pixels


def scene(seed: int, side: int = SIDE) -> Any:
    """A picture of coarse and fine patches, another one for each seed, uint8 (side, side, 3) BGR."""
    random = np.random.default_rng(seed)
    coarse, fine = (random.uniform(0, 255, (cells, cells, 3)).astype(np.float32) for cells in (6, 32))
    whole = [cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC) for part in (coarse, fine)]
    return np.clip(0.7 * whole[0] + 0.3 * whole[1], 0, 255).astype(np.uint8)


def cropped(image: Any, share: float = 0.04, quality: int = 60) -> Any:
    """The middle of a picture in its old size, saved as JPEG."""
    height, width = image.shape[:2]
    top, left = round(height * share), round(width * share)
    part = cv2.resize(image[top : height - top, left : width - left], (width, height))
    return cv2.imdecode(cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def noisy(image: Any, seed: int) -> Any:
    """The same view in another moment: what a still camera sees."""
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write(path: Path, image: Any) -> None:
    """A lossless file; its folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
