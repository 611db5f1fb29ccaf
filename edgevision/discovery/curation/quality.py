"""Pictures that show little: too small, dark, bright, flat, blurred, or not to be read at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgevision.discovery.curation.findings import Finding
from edgevision.discovery.curation.looking import Look

SMALL_SHARE = 0.25  # of the set's median shorter side, where no number of pixels is asked for
TO_DEVIATION = 1.4826  # median absolute deviation to standard deviation, for a normal distribution
FEWEST_PIXELS = 32  # of the shorter side: below it sharpness follows what is shown more than the lens
FEWEST_TO_COMPARE = 8  # pictures of which a typical sharpness can be known


@dataclass(frozen=True)
class QualityLimits:
    """Where a picture begins to show too little."""

    small: int | None = None  # pixels of the shorter side; None: a quarter of the set's median
    dark: float = 60  # luma 0..255: the brightest 1 % must reach it
    bright: float = 195  # the darkest 1 % must go below it
    flat: float = 20  # steps of luma between the darkest and the brightest 1 %
    blur: float = 3  # robust standard deviations below the set's typical sharpness, on a logarithmic scale


def find_quality(look: Look, limits: QualityLimits) -> list[Finding]:
    """All that hold; what is tiny, or has no light or range, is not judged blurred as well."""
    found = [Finding(name, "unreadable", detail=problem) for name, problem in look.unreadable.items()]
    shorter = look.sides.min(axis=1)
    smallest = limits.small if limits.small is not None else SMALL_SHARE * float(np.median(shorter))
    low, high = look.light[:, 0], look.light[:, 1]
    tests: list[tuple[str, npt.NDArray[np.generic], float, npt.NDArray[np.bool_]]] = [
        ("small", shorter, smallest, shorter < smallest),
        ("dark", high, limits.dark, high < limits.dark),
        ("bright", low, limits.bright, low > limits.bright),
        ("flat", high - low, limits.flat, high - low < limits.flat),
    ]
    shows = ~np.any([test[3] for test in tests], axis=0) & (shorter >= FEWEST_PIXELS)
    sharpest_blurred = blur_limit(look.sharpness[shows], limits.blur)
    tests.append(("blurred", look.sharpness, sharpest_blurred, shows & (look.sharpness < sharpest_blurred)))
    for reason, values, limit, holds in tests:
        found += [Finding(look.items[row].name, reason, float(values[row]), limit) for row in np.flatnonzero(holds)]
    return found


def blur_limit(sharpness: npt.NDArray[np.float32], deviations: float) -> float:
    """The sharpness below which a picture of this set is an exception; 0 where there are too few to say.

    Median and median absolute deviation of the logarithm: blurred pictures do not move them.
    """
    if len(sharpness) < FEWEST_TO_COMPARE:
        return 0.0
    values = np.log(np.maximum(sharpness, 1e-6))
    middle = np.median(values)
    return float(np.exp(middle - deviations * TO_DEVIATION * np.median(np.abs(values - middle))))
