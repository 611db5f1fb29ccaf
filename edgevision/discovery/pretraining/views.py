"""How a picture may be changed and still show the same thing: that is all that label-free learning is told."""

from __future__ import annotations

import numpy as np

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
# Of what is no background, the share between dark and bright up to which it is ink: in digits 0.43, in digits of 8 × 8,
# which are all blur, 0.63, in clothes 0.84.
TONES_OF_GLYPH = 0.72
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
    return "glyph" if np.median([_shaded(image) for image in images]) <= TONES_OF_GLYPH else "object"


def _shaded(image: Image) -> float:
    """Share of the pixels off the background that are neither dark nor bright; the background is darker or brighter."""
    tones = image.mean(axis=2)
    tones = (tones - tones.min()) / max(1.0, float(np.ptp(tones)))
    if np.median(np.concatenate([tones[0], tones[-1], tones[:, 0], tones[:, -1]])) > 0.5:
        tones = 1 - tones
    between = (tones > BACKGROUND) & (tones < BRIGHT)
    return float(between.sum() / max(1, (tones > BACKGROUND).sum()))
