"""The operations a preprocessing contract is made of: one frozen class each, one row in `OPERATIONS` each.

Every operation says whether it makes the same bits on every CPU (`is_bit_stable`): nearest, exact bilinear, crop,
colour, white balance, normalize and median do (measured on x86-64 and aarch64); area, CLAHE and nlmeans may differ by
one step of 255.
"""

from edgevision_runtime.operations.base import Operation
from edgevision_runtime.operations.geometry import Crop, Resize
from edgevision_runtime.operations.pixels import Color, Contrast, Denoise, WhiteBalance
from edgevision_runtime.operations.tensor import Layout, Normalize

OPERATIONS: dict[str, type[Operation]] = {
    kind.name: kind for kind in (WhiteBalance, Denoise, Contrast, Crop, Resize, Color, Normalize, Layout)
}

__all__ = [
    "OPERATIONS",
    "Color",
    "Contrast",
    "Crop",
    "Denoise",
    "Layout",
    "Normalize",
    "Operation",
    "Resize",
    "WhiteBalance",
]
