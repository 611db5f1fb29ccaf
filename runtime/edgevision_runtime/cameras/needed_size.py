"""How large a camera's pictures have to be, so that no model that looks at them has to enlarge any."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.operations import Crop, Resize


def needed_size(contracts: Sequence[Preprocess]) -> tuple[int, int]:
    """(width, height) that suffices for all of them, if the pictures keep their shape.

    Raises:
        UsageError: a contract counts pixels of the frame, so that a smaller frame would show it something else.
    """
    sizes = [_of_one(contract) for contract in contracts]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _of_one(contract: Preprocess) -> tuple[int, int]:
    kept_width = kept_height = 1.0  # share of the frame that is left
    for operation in contract.operations:
        if isinstance(operation, Crop):
            if operation.box is None:
                break
            left, top, right, bottom = operation.box
            kept_width, kept_height = kept_width * (right - left), kept_height * (bottom - top)
        elif isinstance(operation, Resize):
            height, width = operation.size
            return math.ceil(width / kept_width), math.ceil(height / kept_height)
    raise UsageError(
        "the model's contract takes pixels of the frame as they are: it would see something else in a smaller frame",
        expected="a contract that begins with a resize, or no small frames",
    )
