"""What a site looks like when all is well: the part of a bundle that `edgevision drift fit` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision_runtime.errors import BundleError, ModelError, UsageError
from edgevision_runtime.noticing.picture import DESCRIBED

if TYPE_CHECKING:
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.types import Tensor

SCHEMA = "edgevision.drift/1"
MEMBER = "reference/drift.json"
EMBEDDING, OCCUPANCY, LUMA, CONTRAST, SHARPNESS = "embedding", "occupancy", "luma", "contrast", "sharpness"
COLOUR, LAYOUT = "colour", "layout"
STATISTICS = (EMBEDDING, OCCUPANCY, LUMA, CONTRAST, SHARPNESS, COLOUR, LAYOUT)  # in this order wherever they meet
DIGITS = 7  # of a number in the file: what float32 has


@dataclass(frozen=True, eq=False)
class DriftReference:
    """A site's frames, summed up; everything that a window of new ones is held against."""

    space: str  # fingerprint of the embeddings
    window: int  # frames
    every_s: float | None  # time between two frames of a window; None: unknown, each frame counts
    frame_size: tuple[int, int]  # (width, height): sharpness means nothing for another one
    mean: Tensor  # float64 (k,), of the embeddings
    precision: Tensor  # float64 (k, k), inverse of their covariance
    centroids: Tensor  # float64 (c, k), rows of length 1
    shares: Tensor  # float64 (c,), of the frames that are nearest to each; they sum to 1
    picture: Tensor  # float64 (21,), mean of `describe_pictures`
    thresholds: Tensor  # float64 (7,), of STATISTICS, as `measure_window` gives them
    false_alarm_rate: float  # share of windows of the same site that go beyond any of them
    fitted_on: dict[str, Any]  # for people: source, frames, blocks

    def to_json(self) -> dict[str, Any]:
        """The form that `reference_from_json` reads."""
        return {
            "schema": SCHEMA,
            "space": self.space,
            "window": self.window,
            "every_s": self.every_s,
            "frame_size": list(self.frame_size),
            "mean": _numbers(self.mean),
            "precision": [_numbers(row) for row in self.precision],
            "centroids": [_numbers(row) for row in self.centroids],
            "shares": _numbers(self.shares),
            "picture": _numbers(self.picture),
            "thresholds": dict(zip(STATISTICS, _numbers(self.thresholds))),
            "false_alarm_rate": self.false_alarm_rate,
            "fitted_on": self.fitted_on,
        }

    def to_bytes(self) -> bytes:
        """The contents of `reference/drift.json`."""
        return (json.dumps(self.to_json(), sort_keys=True) + "\n").encode()


def reference_from_json(document: Any) -> DriftReference:
    """Read what `to_json` wrote; strict.

    Raises:
        ModelError: names what is off.
    """
    expected = f"{SCHEMA}, as `edgevision drift fit` writes it"
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ModelError("not a reference for drift", expected=expected)
    if set(document) != {"schema", *DriftReference.__dataclass_fields__}:
        raise ModelError(f"a reference for drift with {', '.join(sorted(document))}", expected=expected)
    try:
        reference = _read(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"a reference for drift that cannot be ({error})", expected=expected) from error
    _check(reference)
    return reference


def read_reference(bundle: Bundle) -> DriftReference | None:
    """The reference in a bundle; None when it has none.

    Raises:
        BundleError: it is not one, or not of this bundle's embedding.
    """
    if MEMBER not in bundle.members:
        return None
    try:
        reference = reference_from_json(bundle.read_json(MEMBER))
    except ModelError as error:
        raise BundleError(MEMBER, error.what, expected=error.expected) from error
    own = "" if bundle.embedding is None else bundle.embedding.fingerprint
    if reference.space != own:
        raise BundleError(
            MEMBER, f"of the space {reference.space[:8]}", expected=own[:8] or "none: the bundle has no embedding"
        )
    return reference


def read_reference_file(path: Path) -> DriftReference:
    """The reference in a JSON file.

    Raises:
        UsageError: it cannot be read.
        ModelError: it is not one.
    """
    try:
        return reference_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", expected="a reference for drift") from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}", expected="a reference for drift") from error


def _read(document: dict[str, Any]) -> DriftReference:
    if set(document["thresholds"]) != set(STATISTICS):
        raise ValueError(f"thresholds of {', '.join(document['thresholds'])}")
    width, height = (int(size) for size in document["frame_size"])
    every_s = document["every_s"]
    return DriftReference(
        space=str(document["space"]),
        window=int(document["window"]),
        every_s=None if every_s is None else float(every_s),
        frame_size=(width, height),
        mean=np.array(document["mean"], np.float64),
        precision=np.array(document["precision"], np.float64),
        centroids=np.array(document["centroids"], np.float64),
        shares=np.array(document["shares"], np.float64),
        picture=np.array(document["picture"], np.float64),
        thresholds=np.array([document["thresholds"][name] for name in STATISTICS], np.float64),
        false_alarm_rate=float(document["false_alarm_rate"]),
        fitted_on=dict(document["fitted_on"]),
    )


def _check(reference: DriftReference) -> None:
    size, groups = reference.mean.shape, reference.shares.shape
    shapes = {
        "mean": (reference.mean, (*size,)),
        "precision": (reference.precision, (*size, *size)),
        "centroids": (reference.centroids, (*groups, *size)),
        "picture": (reference.picture, (DESCRIBED,)),
    }
    for name, (array, shape) in shapes.items():
        if array.shape != shape or len(size) != 1 or not np.isfinite(array).all():
            raise ModelError(f"{name} of a reference for drift: {list(array.shape)}", expected=f"finite, {list(shape)}")
    if not (reference.shares > 0).all() or not (reference.thresholds > 0).all() or reference.window < 2:
        raise ModelError("a reference for drift with a share, threshold or window of nothing", expected="above 0")


def _numbers(array: Tensor) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in array]
