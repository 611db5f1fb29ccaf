"""How a picture may be changed and still show the same thing: that is all that label-free learning is told."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgevision.data.augment import Augmentation
from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.types import Image

VIEWS = {
    # a sign stays the same sign when it is turned a little, larger, or off centre; mirrored it is another one
    "glyph": "rotate=15,zoom=0.2,crop=0.24",
    # a thing in the middle of the picture: mirrored, nearer, in other light
    "object": "flip,rotate=5,crop=0.15,brightness=0.1,contrast=0.4",
    # a photograph: also a part of it, in other colours
    "photo": "flip,crop=0.55,brightness=0.15,contrast=0.4,color=0.4",
}
DISTILLED = "flip,crop=0.22"  # a teacher says what a picture shows, so that little needs to change
GREY_WITHIN = 2.0  # mean difference between channels, in steps of 255, of a picture that is grey
SMALL = 64  # pixels of the longer side up to which a grey picture is taken for a glyph or an object
LOOKED_AT_SIDE = 20  # pixels to which larger ones are shrunk first: the blur of an edge is about a pixel wide then
# Of the pixels of a thing, the share that is neither dark nor bright with no background beside it that blur could have
# mixed it with: up to this it is ink. Of digits it is 0.00, also of those of 8 × 8 (0.03), of blurred letters 0.07, of
# clothes 0.34 (0.17 when they are shrunk to 8 × 8), of photographs 0.7.
SHADES_OF_GLYPH = 0.1
BACKGROUND, BRIGHT = 0.15, 0.85  # of the way from a picture's darkest to its brightest


def parse_views(text: str) -> Augmentation:
    """`glyph`, `object`, `photo`, or amounts as of `--augment`.

    Raises:
        UsageError: neither, or nothing that changes: then both views are one.
    """
    expected, hint = f"{' | '.join(VIEWS)} or amounts, such as flip,crop=0.2", did_you_mean(text, VIEWS)
    try:
        augmentation = Augmentation.parse(VIEWS.get(text, text))
    except UsageError as error:
        if hint:
            raise UsageError(f"views {text!r}", expected=expected, hint=hint) from error
        raise
    if augmentation is None:
        raise UsageError(f"views {text!r} change nothing", expected=expected, hint=hint)
    return augmentation


def views_for(images: list[Image]) -> str:
    """The kind of views that suits pictures like these: small grey ones of ink are glyphs, with shades objects."""
    is_small = np.median([max(image.shape[:2]) for image in images]) <= SMALL
    is_grey = np.median([float(np.ptp(image, axis=2).mean()) for image in images]) <= GREY_WITHIN
    if not (is_small and is_grey):
        return "photo"
    return "glyph" if np.median([_shaded(image) for image in images]) <= SHADES_OF_GLYPH else "object"


def _shaded(image: Image) -> float:
    """Share of a thing's pixels whose tone no blur explains; what is behind it is darker than the thing or brighter."""
    tones = _shrunk(image.mean(axis=2))
    tones = (tones - tones.min()) / max(1.0, float(np.ptp(tones)))
    if np.median(np.concatenate([tones[0], tones[-1], tones[:, 0], tones[:, -1]])) > 0.5:
        tones = 1 - tones
    thing = tones > BACKGROUND
    inside = cv2.erode(thing.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return float((inside & (tones < BRIGHT)).sum() / max(1, thing.sum()))


def _shrunk(tones: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    factor = LOOKED_AT_SIDE / max(tones.shape)
    if factor >= 1:
        return tones
    height, width = (max(1, round(side * factor)) for side in tones.shape)
    return np.asarray(cv2.resize(tones, (width, height), interpolation=cv2.INTER_AREA))
