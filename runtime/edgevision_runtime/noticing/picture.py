"""Light, contrast, sharpness, colour and layout of a frame, from 16 of its rows: what a small network may not see.

Whole rows in full resolution, because focus is lost between neighbouring pixels, and few of them, because they all say
the same. Colour and layout are read from a grid of 4 × 4 cells when a window is full: what passes by covers few cells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor

ROWS = 16
SIDE = 4  # cells of the grid in a row and in a column
MEASURED = 3 + SIDE * SIDE * 3  # numbers of a frame
DESCRIBED = 5 + SIDE * SIDE  # numbers of what they say
DARKEST = 0.5  # grey levels, added before the logarithm: a black picture has one too
COLOURLESS = 4.0  # grey levels, the same for a ratio of two channels, which are rounded
FLATTEST = 2.0  # grey levels: a grid that differs by less has no layout
GREY = (0.114, 0.587, 0.299)  # of blue, green and red (ITU-R BT.601)


def measure_picture(image: Image) -> Tensor:
    """What a frame, uint8 (h, w, 3) BGR, is summed up to, float64 (51,).

    Luma 0..255, log of the contrast, log of the sharpness, then the mean blue, green and red of each cell of the grid.
    Luma is the mean grey level, contrast its standard deviation, sharpness the root mean square of the steps between
    neighbours in a row.
    """
    cv2 = opencv()
    step = max(1, image.shape[0] // ROWS)
    rows = image[step // 2 :: step][:ROWS]
    grey = cv2.cvtColor(rows, cv2.COLOR_BGR2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    right, left = grey[:, 1:], grey[:, :-1]
    sharpness = cv2.norm(right, left, cv2.NORM_L2) / math.sqrt(right.size) if right.size else 0.0
    measured = np.empty(MEASURED)
    measured[:3] = mean[0, 0], math.log(deviation[0, 0] + DARKEST), math.log(sharpness + DARKEST)
    measured[3:] = cv2.resize(rows[::2], (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    return measured


def describe_pictures(measured: Tensor) -> Tensor:
    """What the numbers of frames, (n, 51), say, float64 (n, 21).

    Luma, contrast and sharpness as they are; the logarithms of blue and of red over green, in the median cell; and how
    light each cell is, less the mean and by the deviation of the cells, so that more or less light changes nothing.
    """
    grid = measured[:, 3:].reshape(-1, SIDE * SIDE, 3)
    ratios = np.log(grid[:, :, [0, 2]] + COLOURLESS) - np.log(grid[:, :, 1:2] + COLOURLESS)
    light = grid @ np.array(GREY)
    light = light - light.mean(axis=1, keepdims=True)
    layout = light / np.maximum(light.std(axis=1, keepdims=True), FLATTEST)
    described: Tensor = np.hstack([measured[:, :3], np.median(ratios, axis=1), layout])
    return described
