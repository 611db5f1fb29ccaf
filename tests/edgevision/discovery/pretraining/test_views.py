"""Which changes a picture survives is chosen by looks: ink, shades, or anything else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from edgevision.discovery.pretraining.views import parse_views, views_for
from edgevision_runtime.errors import UsageError


def digits(ink: int, paper: int) -> list[np.ndarray]:
    return [
        np.rint(paper + image[..., None].repeat(3, 2) / 16 * (ink - paper)).astype(np.uint8)
        for image in load_digits().images[:64]
    ]


def letters(size: int, thickness: int) -> list[np.ndarray]:
    """White capitals on black, drawn at 64 pixels and shrunk: then much of them is neither white nor black."""
    pictures = []
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        picture = np.zeros((64, 64, 3), np.uint8)
        cv2.putText(picture, letter, (14, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (255, 255, 255), thickness, cv2.LINE_AA)
        pictures.append(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
    return pictures


def shaded(size: int, channels: int) -> list[np.ndarray]:
    """Discs whose brightness rises from left to right, on black."""
    rows, columns = np.mgrid[:size, :size] / (size - 1) - 0.5
    disc = np.where(np.hypot(rows, columns) < 0.4, 127 + 250 * columns, 0).clip(0, 255)
    tint = np.array([1.0, 1.0, 1.0] if channels == 1 else [1.0, 0.5, 0.2])
    return [(disc[..., None] * tint).astype(np.uint8)] * 3


@pytest.mark.parametrize(
    ("pictures", "views"),
    [
        (digits(ink=255, paper=0), "glyph"),
        (digits(ink=20, paper=240), "glyph"),
        (letters(8, thickness=3), "glyph"),
        (letters(12, thickness=1), "glyph"),
        (letters(64, thickness=5), "glyph"),
        (shaded(28, channels=1), "object"),
        (shaded(9, channels=1), "object"),
        (shaded(64, channels=1), "object"),
        (shaded(28, channels=3), "photo"),
        (shaded(200, channels=1), "photo"),
        ([np.zeros((8, 8, 3), np.uint8)], "glyph"),
    ],
    ids=[
        "bright ink",
        "dark ink",
        "tiny",
        "tiny and thin",
        "bold",
        "shades",
        "tiny with shades",
        "shades, larger",
        "colours",
        "large",
        "nothing",
    ],
)
def test_views_suit_the_pictures(pictures: list[np.ndarray], views: str) -> None:
    assert views_for(pictures) == views


def test_a_glyph_is_never_mirrored_and_an_object_is() -> None:
    assert parse_views("glyph").flip == 0
    assert parse_views("object").flip > 0


def test_a_misspelt_name_is_told_what_there_is() -> None:
    with pytest.raises(UsageError, match="glyph"):
        parse_views("glyf")
