"""From a frame to what the input tensor stores, with the contract's own bits and no array made for each frame.

`PreparedInput(contract, tensor)(frame)` equals `InputQuantizer(tensor)(contract(frame))` bit for bit; the tests say so
for every combination of operations. It is compiled once: the resize writes into place, the colour order is changed on
the small image, normalization and quantization are one table.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from edgevision_runtime.contract import check_frame
from edgevision_runtime.engines.quantization import InputQuantizer
from edgevision_runtime.fast_image import Scaling, compile_step
from edgevision_runtime.fast_tensor import StoredTensor
from edgevision_runtime.operations import Color, Crop, Layout, Normalize, Operation, Resize

if TYPE_CHECKING:
    from edgevision_runtime.contract import Preprocess
    from edgevision_runtime.fast_tensor import Memory
    from edgevision_runtime.types import Image, Tensor, TensorSpec


class PreparedInput:
    """A contract compiled for one input tensor. For one thread.

    Raises:
        ContractError: a normalization that does not fit the channels.
    """

    def __init__(self, preprocess: Preprocess, spec: TensorSpec) -> None:
        self._preprocess = preprocess
        self._plain = InputQuantizer(spec)
        images = [operation for operation in preprocess.operations if not isinstance(operation, (Normalize, Layout))]
        earlier, resize, color = _split_last(_color_last(images))
        compiled = [compile_step(operation) for operation in earlier]
        self._steps = [step for step, _ in compiled]
        self._last = Scaling(resize, color)
        self._stored = StoredTensor(preprocess, spec)
        placed = [operation.name for operation in images if operation is resize or isinstance(operation, Color)]
        self._said = [said for _, said in compiled]
        self._said += [f"{' and '.join(placed)}: into place"] if resize or color else []

    def __call__(self, image: Image) -> Tensor:
        """A frame, uint8 (h, w, 3) BGR, to what the tensor stores, with batch axis; the next call overwrites it.

        Raises:
            ContractError: not a frame, or one that the contract cannot take.
            ModelError: what the contract makes has not the model's shape.
        """
        return self._prepare(image, self._stored.kept)

    def write(self, image: Image, memory: Memory) -> None:
        """The same, written where the model reads it: `memory` gives the array for a shape with batch axis."""
        self._prepare(image, memory)

    def _prepare(self, image: Image, memory: Memory) -> Tensor:
        check_frame(image)
        for step in self._steps:
            image = step(image)
        return self._stored.write(self._last.shape(image), partial(self._last, image), memory)

    def agrees(self, image: Image) -> bool:
        """Whether the contract as written makes the same bits of this frame, on this machine's OpenCV."""
        plain, fast = self._plain(self._preprocess(image)), self(image)
        return plain.dtype == fast.dtype and plain.shape == fast.shape and plain.tobytes() == fast.tobytes()

    def describe(self) -> tuple[str, ...]:
        """What becomes of each operation; `as written` marks one without a fast form."""
        return (*self._said, self._stored.describe())


def _color_last(operations: list[Operation]) -> list[Operation]:
    """Move a swap of red and blue behind what follows it, where that treats each channel alike with whole numbers."""
    found = [index for index, operation in enumerate(operations) if isinstance(operation, Color)]
    if not found:
        return operations
    color, after = operations[found[0]], operations[found[0] + 1 :]
    moves = all(isinstance(o, Crop) or (isinstance(o, Resize) and o.kernel != "area") for o in after)
    if not moves or not isinstance(color, Color) or color.to == "gray":
        return operations
    return [*operations[: found[0]], *after, color]


def _split_last(operations: list[Operation]) -> tuple[list[Operation], Resize | None, str | None]:
    """The operations before the last resize and colour, when these stand at the end in this order."""
    earlier, resize, color = list(operations), None, None
    if earlier and isinstance(last := earlier[-1], Color):
        color = last.to
        earlier.pop()
    if earlier and isinstance(last := earlier[-1], Resize):
        resize = last
        earlier.pop()
    return earlier, resize, color
