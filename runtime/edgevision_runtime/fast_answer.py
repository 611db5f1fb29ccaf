"""The last part of the fast path: the answer straight from what the output tensors store.

Real numbers grow with the stored ones, so the highest class is the same class; only scores that are shown become real.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision_runtime.engines.quantization import dequantize
from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from edgevision_runtime.postprocess import Postprocess
    from edgevision_runtime.types import Image, Tensor, TensorSpec

MOST_SPLIT = 4  # channels that OpenCV takes apart in one go, in a sixth of the time that turning the array takes
ORDERED = ("int8", "uint8", "int16", "float32")  # stored numbers whose order float32 keeps


class PreparedOutput:
    """A postprocessing compiled for one model's outputs; gives what `Postprocess` gives of the dequantized outputs.

    For one thread. What it returns belongs to the caller.
    """

    def __init__(self, postprocess: Postprocess, outputs: tuple[TensorSpec, ...]) -> None:
        self._plain = replace(postprocess, output=0)
        self._output = postprocess.output
        self._spec = outputs[postprocess.output]
        self._is_ordered = self._spec.dtype in ORDERED and (self._spec.scale is None or self._spec.scale > 0)
        self._highest = HighestChannel()

    def scores(self, stored: tuple[Tensor, ...]) -> Tensor:
        """Class scores, float32 (classes,), that sum to 1; `stored` are the outputs without batch axis."""
        return self._plain.scores((dequantize(stored[self._output], self._spec),))

    def mask(self, stored: tuple[Tensor, ...]) -> Image:
        """Class indices, uint8 (h, w), at the model's own resolution."""
        values = stored[self._output]
        is_planar = self._plain.layout == "NCHW"
        channels = 1 if values.ndim == 2 else values.shape[0 if is_planar else -1]
        if not self._is_ordered or channels == 1:  # a threshold is a real number
            return self._plain.mask((dequantize(values, self._spec),))
        pixels = values.size // channels
        if not 2 <= channels <= 255 or pixels < 128 * channels or not values.flags.c_contiguous:
            return self._plain.mask((values,))  # where many small calls cost more than they save (measured)
        if is_planar:
            return self._highest(values.reshape(channels, pixels)).reshape(values.shape[1:])
        return self._highest.of_pixels(values.reshape(pixels, channels)).reshape(values.shape[:2])


class HighestChannel:
    """`argmax` over many pixels with few channels, the lower channel on a tie: a tenth of numpy's time.

    numpy walks each pixel's channels; this turns the array once and compares whole planes.
    """

    def __init__(self) -> None:
        self._planes: Any = None
        self._best: Any = None
        self._index: Any = None
        self._is_higher: Any = None

    def of_pixels(self, values: Tensor) -> Image:
        """(pixels, channels) to uint8 (pixels,)."""
        shape = values.shape[::-1]
        if self._planes is None or self._planes.shape != shape or self._planes.dtype != values.dtype:
            self._planes = np.empty(shape, values.dtype)
        if shape[0] <= MOST_SPLIT:
            opencv().split(values[None], [plane[None] for plane in self._planes])
        else:
            opencv().transpose(values, dst=self._planes)
        return self(self._planes)

    def __call__(self, planes: Tensor) -> Image:
        """(channels, pixels) to uint8 (pixels,); two channels or more."""
        if self._best is None or self._best.shape != planes.shape[1:] or self._best.dtype != planes.dtype:
            self._best = np.empty(planes.shape[1], planes.dtype)
            self._is_higher = np.empty(planes.shape[1], np.bool_)
            self._index = np.empty(planes.shape[1], np.uint8)
        best, is_higher, index = self._best, self._is_higher, self._index
        highest: Image = np.empty(planes.shape[1], np.uint8)
        np.greater(planes[1], planes[0], out=highest.view(np.bool_))
        np.maximum(planes[0], planes[1], out=best)
        for channel in range(2, len(planes)):
            np.greater(planes[channel], best, out=is_higher)
            np.maximum(best, planes[channel], out=best)
            np.multiply(is_higher.view(np.uint8), np.uint8(channel), out=index)
            np.maximum(highest, index, out=highest)  # channels grow, so the latest one to be higher stays
        if planes.dtype.kind == "f" and np.isnan(best.max()):  # comparisons with NaN are false
            return planes.argmax(axis=0).astype(np.uint8)  # type: ignore[no-any-return]
        return highest
