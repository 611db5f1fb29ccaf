"""What all operations share: the base class, and the checks of their fields."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from edgevision_runtime.errors import ContractError

if TYPE_CHECKING:
    from edgevision_runtime.types import Image


class Operation:
    """One step of a contract; a frozen dataclass whose fields are its JSON."""

    name: ClassVar[str]
    is_bit_stable: bool = True

    def apply(self, image: Any) -> Any:
        """Do it to one image (h, w, c)."""
        raise NotImplementedError

    def apply_mask(self, mask: Image, fill: int) -> Image:
        """Do it to a mask of class indices; what only changes colours leaves a mask alone."""
        return mask

    def to_json(self) -> dict[str, Any]:
        """Its name and every field that has an effect."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {"op": self.name} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in fields.items()
            if value is not None
        }

    def must(self, field: str, holds: bool, expected: str) -> None:
        """Raise ContractError for a field whose value cannot be."""
        if not holds:
            raise ContractError(f"{self.name}: {field} is {getattr(self, field)!r}", expected=expected)


def is_number(value: Any) -> bool:
    """A finite-looking number: not a bool, not NaN, below a thousand million."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9  # a NaN is not


def is_numbers(value: Any) -> bool:
    """A tuple of one or three numbers."""
    return isinstance(value, tuple) and len(value) in (1, 3) and all(is_number(item) for item in value)


def is_count(value: Any) -> bool:
    """A whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_size(value: Any) -> bool:
    """(height, width), each in 1..8192."""
    return isinstance(value, tuple) and len(value) == 2 and all(is_count(item) and item <= 8192 for item in value)


def is_box(value: Any) -> bool:
    """(left, top, right, bottom) as shares of the frame."""
    if not (isinstance(value, tuple) and len(value) == 4 and all(is_number(item) for item in value)):
        return False
    left, top, right, bottom = value
    return bool(0 <= left < right <= 1 and 0 <= top < bottom <= 1)
