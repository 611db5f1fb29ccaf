"""The tensor half of the fast path: from the small uint8 image to what the input tensor stores.

Normalization and quantization both act on each value by itself, so together they are one table of 256 entries a
channel; where that table is the identity, or the identity with its top bit flipped, no table is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision_runtime.engines.quantization import InputQuantizer, quantize
from edgevision_runtime.fast_image import Scratch
from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgevision_runtime.contract import Preprocess
    from edgevision_runtime.types import Image, Tensor, TensorSpec

    Memory = Callable[[tuple[int, ...]], Tensor]

TOP_BIT = 0x80
DTYPES = ("uint8", "int8", "float32")  # the other dtypes go as written


class StoredTensor:
    """Writes an input tensor's content, with batch axis, into whatever memory it is given."""

    def __init__(self, preprocess: Preprocess, spec: TensorSpec) -> None:
        self._preprocess = preprocess
        self._quantizer = InputQuantizer(spec)
        self._dtype = np.dtype(spec.dtype)
        self._channels = preprocess.channels
        self._is_planar = preprocess.layout == "NCHW" and self._channels > 1
        self._tables = _tables(preprocess, spec, self._quantizer)
        self._interleaved = np.ascontiguousarray(self._tables)
        self._form = _form(self._tables, spec)
        self._is_in_place = self._form in ("identity", "flip") and self._dtype.itemsize == 1 and not self._is_planar
        self._image, self._plane = Scratch(), Scratch()
        self._kept: Any = None

    def write(self, shape: tuple[int, int, int], draw: Callable[[Image], None], memory: Memory) -> Tensor:
        """What the tensor stores for the image (h, w, c) that `draw` draws into the uint8 array it is given.

        `memory` gives the array to write into, by its shape; none of it is kept.

        Raises:
            ModelError: the model does not take this shape.
        """
        height, width, channels = shape
        sample = (channels, height, width) if self._preprocess.layout == "NCHW" else shape
        self._quantizer.check_shape(sample)
        stored = memory((1, *sample))
        image = stored.view(np.uint8).reshape(shape) if self._is_in_place else self._image.of(shape)
        draw(image)
        if self._form == "as written":
            stored[...] = self._quantizer(self._preprocess.to_tensor(image))
        elif self._is_planar:
            for channel in range(self._channels):
                self._write_plane(image, channel, stored[0, channel])
        elif not self._is_in_place:
            self._write_all(image, stored)
        if self._form == "flip":
            bits = stored.view(np.uint8)
            np.bitwise_xor(bits, TOP_BIT, out=bits)
        return stored

    def kept(self, shape: tuple[int, ...]) -> Tensor:
        """Memory of its own, as `write` takes it: the next call for this shape gives the same array."""
        if self._kept is None or self._kept.shape != shape:
            self._kept = np.empty(shape, self._dtype)
        return self._kept  # type: ignore[no-any-return]

    def describe(self) -> str:
        """How the numbers get into the tensor."""
        ways = {
            "identity": "as they are",
            "flip": "top bit flipped",
            "table": "one table of 256",
            "tables": "a table of 256 for each channel",
            "as written": "as written, no fast form",
        }
        planes = ", plane by plane" if self._is_planar and self._form != "as written" else ""
        return f"{self._dtype.name} input: {ways[self._form]}{planes}"

    def _write_plane(self, image: Image, channel: int, target: Tensor) -> None:
        if self._dtype.itemsize == 1 and self._form in ("identity", "flip"):
            opencv().extractChannel(image, channel, dst=target.view(np.uint8))
            return
        plane = opencv().extractChannel(image, channel, dst=self._plane.of(target.shape))
        self._write(plane, self._tables[:, channel], target)

    def _write_all(self, image: Image, stored: Tensor) -> None:
        table = self._interleaved if self._form == "tables" else self._tables[:, 0]
        image = image[..., 0] if self._channels == 1 else image
        self._write(image, table, stored.reshape(image.shape))

    def _write(self, image: Image, table: Tensor, target: Tensor) -> None:
        if self._form == "identity":
            target[...] = image
            return
        if table.dtype == np.int8:  # OpenCV's tables of one byte are uint8
            table, target = table.view(np.uint8), target.view(np.uint8)
        opencv().LUT(image, table[:, None], dst=target)


def _tables(preprocess: Preprocess, spec: TensorSpec, quantizer: InputQuantizer) -> Tensor:
    """(256, channels) of the tensor's dtype: what each step of each channel is stored as."""
    channels = preprocess.channels
    if preprocess.normalize is None:
        columns = np.repeat(quantizer.table[:, None], channels, axis=1)
    else:
        columns = quantize(preprocess.normalize.table(channels), spec)
    return np.asfortranarray(columns)


def _form(tables: Tensor, spec: TensorSpec) -> str:
    steps = np.arange(256)
    if spec.dtype not in DTYPES:
        return "as written"
    if (tables == steps[:, None]).all():
        return "identity"
    if spec.dtype == "int8" and (tables == (steps - TOP_BIT)[:, None]).all():
        return "flip"
    return "table" if (tables == tables[:, :1]).all() else "tables"
