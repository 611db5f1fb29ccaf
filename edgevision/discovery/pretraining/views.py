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
    "object": "flip,rotate=5,crop=0.24,brightness=0.1,contrast=0.4",
    # a photograph: also a part of it, in other colours
    "photo": "flip,crop=0.55,brightness=0.15,contrast=0.4,color=0.4",
}
DISTILLED = "flip,crop=0.22"  # a teacher says what a picture shows, so that little needs to change
GREY_WITHIN = 2.0  # mean difference between channels, in steps of 255, of a picture that is grey
SMALL = 64  # pixels of the longer side up to which a grey picture is taken for a glyph


def parse_views(text: str) -> Augmentation:
    """`glyph`, `object`, `photo`, or amounts as of `--augment`.

    Raises:
        UsageError: neither, or nothing that changes: then both views are one.
    """
    augmentation = None if text in VIEWS else Augmentation.parse(text)
    if text in VIEWS:
        augmentation = Augmentation.parse(VIEWS[text])
    if augmentation is None:
        hint = did_you_mean(text, VIEWS)
        raise UsageError(f"views {text!r} change nothing", expected=f"{' | '.join(VIEWS)} or amounts", hint=hint)
    return augmentation


def views_for(images: list[Image]) -> str:
    """The kind of views that suits pictures like these: small grey ones are glyphs, all others photographs."""
    is_small = np.median([max(image.shape[:2]) for image in images]) <= SMALL
    is_grey = np.median([float(np.ptp(image, axis=2).mean()) for image in images]) <= GREY_WITHIN
    return "glyph" if is_small and is_grey else "photo"
