"""Pictures of which every pixel is known: a grey road below a green meadow, and a red ball on it somewhere."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

CLASSES = ("background", "ball", "meadow")  # the road is the background
HEIGHT, WIDTH = 60, 80
COLOURS = {0: (90, 90, 90), 1: (40, 40, 210), 2: (60, 170, 60)}  # BGR


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(picture uint8 (60, 80, 3) BGR with a little noise, mask uint8 (60, 80))."""
    chance = np.random.default_rng(seed)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[: int(chance.integers(20, 40))] = 2
    centre = int(chance.integers(14, WIDTH - 14)), int(chance.integers(14, HEIGHT - 14))
    cv2.circle(mask, centre, 11, 1, -1)
    picture = np.array([COLOURS[number] for number in range(3)], np.float32)[mask]
    return np.clip(picture + chance.normal(0, 4, picture.shape), 0, 255).astype(np.uint8), mask


def write_scenes(folder: Path, count: int, *, with_masks: bool = False) -> Path:
    """images/000.png …, and where asked masks/ and classes.txt."""
    (folder / "images").mkdir(parents=True)
    for seed in range(count):
        picture, mask = scene(seed)
        cv2.imwrite(str(folder / "images" / f"{seed:03d}.png"), picture)
        if with_masks:
            (folder / "masks").mkdir(exist_ok=True)
            cv2.imwrite(str(folder / "masks" / f"{seed:03d}.png"), mask)
    if with_masks:
        (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return folder
