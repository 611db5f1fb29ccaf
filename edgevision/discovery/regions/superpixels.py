"""A picture in superpixels: connected regions of about equal size that follow its edges (SLIC, Achanta et al. 2012)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

Labels = npt.NDArray[np.uint16]

SUPERPIXELS = 200  # of a picture, about
MOST = 4096  # of a picture
LONGEST_SIDE = 320  # pixels of a picture while it is divided; edges of larger ones are not sharper than that
LEAST_PIXELS = 9  # of a superpixel: of small pictures there are fewer
COMPACTNESS = 10.0  # how much place counts beside colour, in steps of Lab; skimage's own


def working_copy(image: Image) -> Image:
    """The picture as it is divided, uint8 (h, w, 3) BGR: no side longer than `LONGEST_SIDE`."""
    height, width = image.shape[:2]
    factor = LONGEST_SIDE / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def superpixels(picture: Image, count: int = SUPERPIXELS) -> Labels:
    """Divide a working copy, uint8 (h, w, 3) BGR, into about `count` regions: uint16 (h, w), 0 to their number - 1."""
    from skimage.segmentation import slic

    height, width = picture.shape[:2]
    wanted = max(1, min(count, height * width // LEAST_PIXELS))
    if wanted == 1:
        return np.zeros((height, width), np.uint16)
    found = slic(picture[..., ::-1], wanted, COMPACTNESS, start_label=0, channel_axis=-1)
    _, labels = np.unique(found, return_inverse=True)
    return labels.reshape(height, width).astype(np.uint16)


def at_size(labels: Labels, height: int, width: int) -> Labels:
    """The same regions over a picture of (height, width)."""
    return np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST), np.uint16)
