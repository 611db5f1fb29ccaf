"""Light, contrast and sharpness of a frame, from 32 of its rows: what a small network may not see, a person would.

Whole rows in full resolution, because focus is lost between neighbouring pixels, and few of them, because they all say
the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

ROWS = 32
DARKEST = 0.5  # grey levels, added before the logarithm: a black picture has one too


def measure_picture(image: Image) -> tuple[float, float, float]:
    """(luma 0..255, log of the contrast, log of the sharpness) of a frame, uint8 (h, w, 3) BGR.

    Luma is the mean grey level, contrast its standard deviation, sharpness the root mean square of the steps between
    neighbours in a row.
    """
    cv2 = opencv()
    step = max(1, image.shape[0] // ROWS)
    grey = cv2.cvtColor(image[step // 2 :: step][:ROWS], cv2.COLOR_BGR2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    steps = cv2.subtract(grey[:, 1:], grey[:, :-1], dtype=cv2.CV_16S) if grey.shape[1] > 1 else grey[:, :0]
    sharpness = cv2.norm(steps, cv2.NORM_L2) / math.sqrt(max(1, steps.size)) if steps.size else 0.0
    return float(mean[0, 0]), math.log(float(deviation[0, 0]) + DARKEST), math.log(sharpness + DARKEST)
