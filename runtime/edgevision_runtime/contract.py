"""The preprocessing contract: the one implementation of the way from a camera frame to a model's input.

Training, calibration, verification and the device all call `Preprocess`; there is no second implementation. It is an
ordered list of operations with explicit parameters, kept as JSON in every run directory and every bundle. The
operations themselves are in `operations.py`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision_runtime.errors import ContractError
from edgevision_runtime.operations import OPERATIONS, Color, Crop, Layout, Normalize, Operation, Resize
from edgevision_runtime.sha256 import sha256_hex

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor

SCHEMA = "edgevision.preprocess/1"


@dataclass(frozen=True)
class Preprocess:
    """An ordered list of operations from a frame, uint8 (h, w, 3) BGR, to the input of a model, without batch axis.

    Raises:
        ContractError: an order, a size or a value that cannot be.
    """

    operations: tuple[Operation, ...]

    def __post_init__(self) -> None:
        _check_order(self.operations)

    def __call__(self, image: Image) -> Tensor:
        """Prepare one frame: uint8 when nothing normalizes, else float32; (h, w, c), or (c, h, w) after layout NCHW."""
        return self.to_tensor(self.to_image(image))

    def to_image(self, image: Image) -> Image:
        """The first half, up to `normalize`: a uint8 image (h, w, c) that can be cached and augmented."""
        check_frame(image)
        for operation in self.operations:
            if not isinstance(operation, (Normalize, Layout)):
                image = operation.apply(image)
        return image

    def to_tensor(self, image: Image) -> Tensor:
        """The second half, from the uint8 image (h, w, c) to the tensor."""
        tensor: Tensor = image
        for operation in self.operations:
            if isinstance(operation, (Normalize, Layout)):
                tensor = operation.apply(tensor)
        return tensor

    def to_mask(self, mask: Image, *, fill: int = 255) -> Image:
        """Move a mask of class indices, uint8 (h, w), as `to_image` moves its picture (nearest; padding = `fill`)."""
        for operation in self.operations:
            mask = operation.apply_mask(mask, fill)
        return mask

    def place_mask(self, mask: Image, height: int, width: int, *, fill: int = 255) -> Image:
        """Lay a mask of the model's resolution back over a frame of (height, width): the inverse of `to_mask`.

        Pixels of the frame that the model never saw become `fill`. Returns uint8 (height, width), nearest neighbour.
        """
        import numpy as np

        placement = self.placement(height, width)
        rows, rows_inside = placement.rows.to_target(height, mask.shape[0])
        columns, columns_inside = placement.columns.to_target(width, mask.shape[1])
        placed: Image = mask[np.ix_(rows, columns)]
        placed[~rows_inside, :] = fill
        placed[:, ~columns_inside] = fill
        return placed

    def window(self, shape: tuple[int, int], height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a mask of `shape` that show a frame of (height, width); the others show padding."""
        placement = self.placement(height, width)
        return placement.rows.shown(shape[0]), placement.columns.shown(shape[1])

    def placement(self, height: int, width: int) -> Placement:
        """Where the pixels of a frame of (height, width) come to lie in the model's input."""
        placement = Placement(Axis(size=height), Axis(size=width))
        for operation in self.operations:
            if isinstance(operation, (Crop, Resize)):
                rows, columns = operation.axes(placement.rows.size, placement.columns.size)
                placement = Placement(placement.rows.then(*rows), placement.columns.then(*columns))
        return placement

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of what it makes; None when that follows the frame's own size."""
        size: tuple[int, int] | None = None
        for operation in self.operations:
            if isinstance(operation, Resize) or (isinstance(operation, Crop) and operation.size is not None):
                size = operation.size
            elif isinstance(operation, Crop) and size is not None:  # a region of a known size
                rows, columns = operation.axes(*size)
                size = rows[2], columns[2]
        return size

    @property
    def channels(self) -> int:
        """Channels of what it makes."""
        return 1 if self.color == "gray" else 3

    @property
    def color(self) -> str:
        """The colour order of what it makes: rgb, bgr or gray."""
        return next((o.to for o in self.operations if isinstance(o, Color)), "bgr")

    @property
    def layout(self) -> str:
        """NHWC or NCHW."""
        return next((o.to for o in self.operations if isinstance(o, Layout)), "NHWC")

    @property
    def normalize(self) -> Normalize | None:
        """Its normalization, when it has one."""
        return next((o for o in self.operations if isinstance(o, Normalize)), None)

    @property
    def dtype(self) -> str:
        """The numpy name of what it makes: uint8, or float32 when it normalizes."""
        return "uint8" if self.normalize is None else "float32"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of what it makes, without batch axis.

        Raises:
            ContractError: the size follows the frame's.
        """
        if self.size is None:
            raise ContractError(
                "the contract has no fixed output size", expected="a resize", hint="add one: --resize H,W"
            )
        height, width = self.size
        return (self.channels, height, width) if self.layout == "NCHW" else (height, width, self.channels)

    @property
    def is_bit_stable(self) -> bool:
        """Whether it makes the same bits on every CPU; otherwise values may differ by one step of 255."""
        return all(operation.is_bit_stable for operation in self.operations)

    @property
    def fingerprint(self) -> str:
        """sha256 of its canonical JSON, in hex."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return sha256_hex(text.encode())

    def to_json(self) -> dict[str, Any]:
        """The form that `from_json` reads."""
        return {"schema": SCHEMA, "operations": [operation.to_json() for operation in self.operations]}

    @classmethod
    def from_json(cls, document: Any) -> Preprocess:
        """Read what `to_json` wrote; strict: an unknown operation, field or value is an error.

        Raises:
            ContractError: names the operation and the field.
        """
        if not isinstance(document, dict) or set(document) != {"schema", "operations"}:
            raise ContractError("not a preprocessing contract", expected=f'{{"schema": "{SCHEMA}", "operations": […]}}')
        if document["schema"] != SCHEMA:
            raise ContractError(f"contract schema {document['schema']!r}", expected=repr(SCHEMA))
        if not isinstance(document["operations"], list):
            raise ContractError("contract operations", expected="a list")
        return cls(tuple(_operation(i, entry) for i, entry in enumerate(document["operations"])))


class Axis(NamedTuple):
    """How one axis of a frame maps to the model's input: target = source * scale + offset, valid on [low, high)."""

    size: int  # of the target, in pixels
    scale: float = 1.0
    offset: float = 0.0
    low: float = 0.0  # target coordinates that show the frame (the rest is padding)
    high: float | None = None

    def then(self, scale: float, offset: float, size: int) -> Axis:
        """This mapping followed by another one."""
        high = self.size if self.high is None else self.high
        return Axis(
            size=size,
            scale=self.scale * scale,
            offset=self.offset * scale + offset,
            low=max(0.0, self.low * scale + offset),
            high=min(float(size), high * scale + offset),
        )

    def shown(self, target_size: int) -> slice:
        """The target pixels (of `target_size` of them) whose centres show the source; at least one."""
        stretch = target_size / self.size  # a mask may be coarser than the input
        first = max(0, math.ceil(self.low * stretch - 0.5))
        last = math.ceil((self.size if self.high is None else self.high) * stretch - 0.5)
        return slice(min(first, target_size - 1), max(last, first + 1))

    def to_target(self, source_size: int, target_size: int) -> tuple[Tensor, Tensor]:
        """For each source pixel: its target pixel (of `target_size` of them), and whether the target shows it."""
        import numpy as np

        centre = (np.arange(source_size) + 0.5) * self.scale + self.offset
        inside = (centre >= self.low) & (centre < (self.size if self.high is None else self.high))
        stretch = target_size / self.size  # a mask may be coarser than the input
        return np.clip((centre * stretch).astype(np.int64), 0, target_size - 1), inside


class Placement(NamedTuple):
    """Where the pixels of a frame come to lie in the model's input."""

    rows: Axis
    columns: Axis


def check_frame(image: Image) -> None:
    """Raise ContractError for what is no frame."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype.name != "uint8":
        raise ContractError(
            f"a frame of shape {image.shape} and dtype {image.dtype}", expected="uint8 (height, width, 3) in BGR"
        )


def _check_order(operations: tuple[Operation, ...]) -> None:
    names = [operation.name for operation in operations]
    for once in ("color", "resize", "normalize", "layout"):
        if names.count(once) > 1:
            raise ContractError(f"the contract has {names.count(once)} {once} operations", expected="at most one")
    rank = {"normalize": 1, "layout": 2}
    ranks = [rank.get(name, 0) for name in names]
    if ranks != sorted(ranks):
        raise ContractError(
            f"the contract's order is {' → '.join(names)}", expected="normalize after all image operations, layout last"
        )
    for name in ("white_balance", "denoise", "contrast"):
        if name in names and "color" in names and names.index(name) > names.index("color"):
            raise ContractError(f"{name} stands after color", expected=f"{name} before color, on the BGR frame")


def _operation(position: int, entry: Any) -> Operation:
    where = f"contract operation {position}"
    if not isinstance(entry, dict) or "op" not in entry:
        raise ContractError(f"{where} is {entry!r}", expected='an object with "op"')
    kind = OPERATIONS.get(entry["op"]) if isinstance(entry["op"], str) else None
    if kind is None:
        raise ContractError(f"{where}: unknown op {entry['op']!r}", expected=" | ".join(OPERATIONS))
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items() if key != "op"}
    if unknown := sorted(set(given) - known):
        raise ContractError(
            f"{where} ({entry['op']}): unknown field {unknown[0]!r}", expected=" | ".join(sorted(known))
        )
    try:
        operation = kind(**given)
    except TypeError as error:
        raise ContractError(
            f"{where} ({entry['op']}): {error}", expected=f"fields {', '.join(sorted(known))}"
        ) from error
    if operation.to_json() != entry:
        raise ContractError(f"{where} ({entry['op']}) is not complete", expected=json.dumps(operation.to_json()))
    return operation
