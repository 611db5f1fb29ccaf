"""Two places where the same camera may stand, made of real pictures: handwritten digits in front of photographs.

At home it hangs straight, in good light. Away it is turned by 45 degrees, in worse light, a little out of focus, and
what is behind the digits are photographs that home never showed. A digit stays in view for 4 to 20 frames and moves a
little, so that a stream is as repetitive as a camera's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from edgevision.data.dataset import Dataset, Sample, open_dataset
from edgevision.data.splits import choose
from edgevision.discovery.frames import open_frames

SIDE = 28  # pixels of a frame
LEARNED, PASSING, TEST = 3000, 600, 1000  # digits: labelled at home, in view at a site, to judge on
IN_VIEW = 4, 21  # frames, the second excluded

Picture = Any  # uint8 (h, w) or (h, w, 3) BGR
Random = np.random.Generator


class View(NamedTuple):
    """How a camera sees."""

    turned: float  # degrees
    light: float  # a factor
    behind: float  # how light the background is, a factor
    blur: float  # σ in pixels; 0: none


HOME = View(0.0, 1.0, 0.4, 0.0)
AWAY = View(-45.0, 0.6, 0.3, 0.7)


@dataclass(frozen=True)
class Sites:
    """Where the pictures lie."""

    folder: Path

    @property
    def learned(self) -> Path:
        """A folder for each class: what the model learns at home."""
        return self.folder / "home"

    def stream(self, site: str) -> Path:
        """Frames of the site `home` or `away` in the order in which they came."""
        return self.folder / f"{site}-stream"

    def test(self, site: str) -> Path:
        """One frame of each digit to judge on, which no camera saw before."""
        return self.folder / f"{site}-test"

    def truth(self, folder: Path) -> dict[str, str]:
        """The label of each frame of a stream or a test, by its name; nothing but the judge and the person read it."""
        found: dict[str, str] = json.loads((folder.parent / f"{folder.name}.json").read_text(encoding="utf-8"))
        return found


class _Passing(NamedTuple):
    """A digit in one place, while it is in view."""

    digit: Picture
    behind: Picture
    turned: float
    shift: Any  # (2,) pixels
    brightness: float


class _Camera:
    """Makes frames of digits, as one site's camera would."""

    def __init__(self, view: View, behind: Sequence[Picture], random: Random) -> None:
        self._view, self._behind, self._random = view, behind, random

    def passing(self, digit: Picture) -> _Passing:
        """Put the digit somewhere."""
        random, photograph = self._random, self._behind[self._random.integers(len(self._behind))]
        top, left = (random.integers(0, size - SIDE + 1) for size in photograph.shape[:2])
        return _Passing(
            digit[..., 0],
            photograph[top : top + SIDE, left : left + SIDE, 1],
            self._view.turned + random.normal(0, 3),
            random.normal(0, 1, 2),
            self._view.light * math.exp(random.normal(0, 0.1)),
        )

    def frame(self, passing: _Passing) -> Picture:
        """A frame of it; two of the same digit differ by a breath of wind and by noise."""
        random, view = self._random, self._view
        turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), passing.turned + random.normal(0, 0.4), 0.9)
        turn[:, 2] += passing.shift + random.normal(0, 0.15, 2)
        ink = cv2.warpAffine(passing.digit, turn, (SIDE, SIDE)) / 255
        seen = 230 * ink + passing.behind * view.behind * (1 - ink)
        seen = cv2.GaussianBlur(seen, (0, 0), view.blur) if view.blur else seen
        return np.clip(seen * passing.brightness + random.normal(0, 2, seen.shape), 0, 255).astype(np.uint8)


def make_sites(folder: Path, seed: int) -> Sites:
    """Write the pictures of both sites, unless they are there."""
    sites = Sites(folder)
    if sites.test("away").exists():
        return sites
    random, digits = np.random.default_rng(seed), open_dataset("mnist")
    photographs = [image for _, image in open_frames("photos").images()]
    half = len(photographs) // 2
    home, away = _Camera(HOME, photographs[:half], random), _Camera(AWAY, photographs[half:], random)
    training = list(choose(digits.of_split("train"), LEARNED + PASSING, seed))
    random.shuffle(training)
    learned, others = training[:LEARNED], training[LEARNED:]
    for sample in learned:
        frame = home.frame(home.passing(sample.read_image()))
        write_picture(sites.learned / _label(digits, sample) / f"{sample.image.stem}.png", frame)
    _write_stream(sites.stream("home"), digits, learned[:PASSING], home, random)
    _write_stream(sites.stream("away"), digits, others, away, random)
    for site, camera in (("home", home), ("away", away)):
        _write_test(sites.test(site), digits, camera, seed)
    return sites


def _write_stream(folder: Path, digits: Dataset, samples: Sequence[Sample], camera: _Camera, random: Random) -> None:
    truth: dict[str, str] = {}
    for sample in samples:
        passing = camera.passing(sample.read_image())
        for _ in range(random.integers(*IN_VIEW)):
            name = f"{len(truth):05d}.png"
            write_picture(folder / name, camera.frame(passing))
            truth[name] = _label(digits, sample)
    _write_truth(folder, truth)


def _write_test(folder: Path, digits: Dataset, camera: _Camera, seed: int) -> None:
    truth: dict[str, str] = {}
    for sample in choose(digits.of_split("test"), TEST, seed):
        name = f"{sample.image.stem}.png"
        write_picture(folder / name, camera.frame(camera.passing(sample.read_image())))
        truth[name] = _label(digits, sample)
    _write_truth(folder, truth)


def _label(digits: Dataset, sample: Sample) -> str:
    assert sample.label is not None
    return digits.labels[sample.label]


def write_picture(path: Path, picture: Picture) -> None:
    """By the name's suffix, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path}: could not be written")


def _write_truth(folder: Path, truth: dict[str, str]) -> None:
    (folder.parent / f"{folder.name}.json").write_text(json.dumps(truth), encoding="utf-8")
