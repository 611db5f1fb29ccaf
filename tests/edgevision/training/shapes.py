"""Two tiny data sets drawn by hand: bright and dark pictures, and pictures with a bright square to segment."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def write_classes(root: Path, each: int = 14) -> Path:
    """`bright/` and `dark/` with `each` noisy 8×8 pictures."""
    for label, low in (("dark", 0), ("bright", 150)):
        (root / label).mkdir(parents=True)
        for number in range(each):
            image = np.random.default_rng([low, number]).integers(low, low + 100, (8, 8, 3), dtype=np.uint8)
            cv2.imwrite(str(root / label / f"{number:02d}.png"), image)
    return root


def write_squares(root: Path, count: int = 20) -> Path:
    """`images/` and `masks/` of 16×16: a bright square on a dark ground, somewhere."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "classes.txt").write_text("ground\nsquare\n", encoding="utf-8")
    for number in range(count):
        random = np.random.default_rng(number)
        top, left = (int(value) for value in random.integers(0, 8, 2))
        mask = np.zeros((16, 16), np.uint8)
        mask[top : top + 8, left : left + 8] = 255
        image = random.integers(0, 80, (16, 16, 3), dtype=np.uint8)
        image[mask > 0] += 150
        cv2.imwrite(str(root / "images" / f"{number:02d}.png"), image)
        cv2.imwrite(str(root / "masks" / f"{number:02d}.png"), mask)
    return root
