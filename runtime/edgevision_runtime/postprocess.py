"""From a model's outputs to an answer: class scores, or a mask of class indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor

SCHEMA = "edgevision.postprocess/1"
HEADS = ("classify", "segment", "embed")


@dataclass(frozen=True)
class Postprocess:
    """How to read what comes out of a model.

    classify: `activation` is what is still to be applied ("none" when the graph ends in probabilities).
    segment: the class of the highest value along the channel axis of `layout`; a single channel is compared with
    `threshold` instead (above it: class 1).
    embed: the output is a vector of features; a run that learned without labels ends so, a bundle never does.
    """

    head: str  # classify | segment | embed
    output: int = 0  # which of the model's outputs
    activation: str | None = None  # classify: none | softmax
    layout: str | None = None  # segment: NHWC | NCHW
    threshold: float | None = None  # segment with one channel

    def __post_init__(self) -> None:
        _must("head", self.head, self.head in HEADS, " | ".join(HEADS))
        _must("output", self.output, isinstance(self.output, int) and self.output >= 0, "the index of an output")
        if self.head == "classify":
            object.__setattr__(self, "activation", self.activation or "none")
            _must("activation", self.activation, self.activation in ("none", "softmax"), "none | softmax")
            _must("layout", self.layout, self.layout is None, "nothing: only segment has a layout")
            _must("threshold", self.threshold, self.threshold is None, "nothing: only segment has a threshold")
        elif self.head == "embed":
            settings = (self.activation, self.layout, self.threshold)
            _must("settings", settings, settings == (None,) * 3, "none: features are taken as they are")
        else:
            object.__setattr__(self, "layout", self.layout or "NHWC")
            _must("layout", self.layout, self.layout in ("NHWC", "NCHW"), "NHWC | NCHW")
            _must("activation", self.activation, self.activation is None, "nothing: a mask needs no activation")

    def scores(self, outputs: tuple[Tensor, ...]) -> Tensor:
        """Class scores, float32 (classes,), that sum to 1."""
        import numpy as np

        values = np.asarray(outputs[self.output], np.float32).reshape(-1)
        if self.activation == "softmax":
            exponentials = np.exp(values - values.max())
            values = exponentials / exponentials.sum()
        return values

    def mask(self, outputs: tuple[Tensor, ...]) -> Image:
        """Class indices, uint8 (h, w), at the model's own resolution."""
        import numpy as np

        values = outputs[self.output]
        if self.layout == "NCHW":
            values = np.moveaxis(values, 0, -1)
        if values.ndim == 2:
            values = values[..., None]
        if values.shape[-1] == 1:
            return np.asarray(values[..., 0] > (self.threshold or 0.0), np.uint8)
        if values.shape[-1] == 2:  # as argmax, which gives the lower class on a tie, in a tenth of the time
            return np.asarray(values[..., 1] > values[..., 0], np.uint8)
        return np.asarray(values.argmax(axis=-1), np.uint8)

    def classes(self, shape: tuple[int, ...]) -> int:
        """How many classes an output of `shape` (with batch axis) tells apart."""
        if self.head == "classify":
            count = 1
            for size in shape[1:]:
                count *= size
            return count
        channels = shape[1] if self.layout == "NCHW" else shape[-1]
        return 2 if channels == 1 or len(shape) == 3 else channels

    def to_json(self) -> dict[str, Any]:
        """Every field that has an effect."""
        fields = ("head", "output", "activation", "layout", "threshold")
        present = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        return {"schema": SCHEMA, "heads": [present]}

    @classmethod
    def from_json(cls, document: Any) -> Postprocess:
        """Read what `to_json` wrote; strict.

        Raises:
            ModelError: names what is off.
        """
        expected = f'{{"schema": "{SCHEMA}", "heads": [one head]}}'
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ModelError("not a postprocessing description", expected=expected)
        heads = document.get("heads")
        if set(document) != {"schema", "heads"} or not isinstance(heads, list) or len(heads) != 1:
            raise ModelError("postprocess: not exactly one head", expected=expected)
        try:
            read = cls(**heads[0])
        except TypeError as error:
            raise ModelError(
                f"postprocess: {error}", expected="head, output, activation | layout, threshold"
            ) from error
        if read.to_json() != document:
            raise ModelError("postprocess is not complete", expected=str(read.to_json()))
        return read


def _must(field: str, value: Any, holds: bool, expected: str) -> None:
    if not holds:
        raise ModelError(f"postprocess {field} is {value!r}", expected=expected)
