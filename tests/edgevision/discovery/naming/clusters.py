"""Hand-made clusters: three heaps of vectors on the unit circle, ten pictures each."""

import numpy as np

ANGLES = np.radians([0, 60, 180])  # of the heaps' middles: 0 and 1 are near each other
SIZES = (12, 10, 8)


def heaps():
    """(vectors float32 (30, 2), assignment (30,)): within a heap angles are spread evenly over ±10 degrees."""
    vectors, assignment = [], []
    for cluster, (middle, size) in enumerate(zip(ANGLES, SIZES, strict=True)):
        angles = middle + np.radians(np.linspace(-10, 10, size))
        vectors.append(np.stack([np.cos(angles), np.sin(angles)], axis=1))
        assignment += [cluster] * size
    return np.concatenate(vectors).astype(np.float32), np.array(assignment)
