"""Draw a prediction onto a frame: a caption for a class, colours for a mask."""

from __future__ import annotations

from edgevision_runtime.messages import Result
from edgevision_runtime.opencv import opencv
from edgevision_runtime.overlay import Overlay
from edgevision_runtime.types import Classification, Image, Prediction, Segmentation

MIN_HEIGHT = 240  # small crops are enlarged so that the caption can be read
# Okabe & Ito's colours, told apart by the colour-blind, in BGR; class 0 (background) is left as it is.
PALETTE = ((0, 0, 0), (0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240), (178, 114, 0), (0, 94, 213))
MOST_NAMED = 4  # classes in a caption, the largest first
LEAST_SHARE = 0.005  # less is 0 % in a caption
FONT_SIZES = (0.6, 0.5, 0.4, 0.35)  # as wanted, down to the smallest that can be read


class Annotator:
    """Draws the results of a run; keeps for each camera and model what does not change from frame to frame."""

    def __init__(self) -> None:
        self._overlays: dict[tuple[str, str], Overlay] = {}

    def __call__(self, result: Result) -> Image:
        """A picture, uint8 (h, w, 3) BGR, of the frame with its prediction; small frames are enlarged."""
        cv2 = opencv()
        image, prediction = result.frame.image, result.prediction
        if isinstance(prediction, Segmentation):
            image = self._overlay(result)(image, prediction.mask)
        scale = max(1, -(-MIN_HEIGHT // image.shape[0]))
        enlarged = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST) if scale > 1 else image
        return caption(enlarged, describe(prediction))

    def _overlay(self, result: Result) -> Overlay:
        key = result.camera, result.model
        if key not in self._overlays:
            self._overlays[key] = Overlay(result.spec.preprocess, PALETTE)
        return self._overlays[key]


def describe(prediction: Prediction) -> str:
    """The answer in a few words."""
    if isinstance(prediction, Classification):
        return f"{prediction.label} {prediction.score:.0%}"
    background, *others = prediction.shares.items()
    seen = sorted((entry for entry in others if entry[1] >= LEAST_SHARE), key=lambda entry: -entry[1])
    return "  ".join(f"{label} {share:.0%}" for label, share in seen[:MOST_NAMED] or [background])


def caption(image: Image, text: str) -> Image:
    """A copy with a line of text on a dark strip under the picture; a long one is made smaller first, then wider."""
    cv2 = opencv()
    import numpy as np

    font = cv2.FONT_HERSHEY_SIMPLEX
    fitting = (size for size in FONT_SIZES if cv2.getTextSize(text, font, size, 1)[0][0] + 16 <= image.shape[1])
    size = next(fitting, FONT_SIZES[-1])
    (width, height), baseline = cv2.getTextSize(text, font, size, 1)
    strip = height + baseline + 12
    canvas = np.full((image.shape[0] + strip, max(image.shape[1], width + 16), 3), 32, np.uint8)
    left = (canvas.shape[1] - image.shape[1]) // 2
    canvas[: image.shape[0], left : left + image.shape[1]] = image
    cv2.putText(canvas, text, (8, image.shape[0] + height + 6), font, size, (240, 240, 240), 1, cv2.LINE_AA)
    return canvas
