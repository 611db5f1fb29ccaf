"""How many windows of 64 frames are found away from a site's reference: of the same site, and after eight faults.

Two kinds of site, three times each. A real video of a street with people (80 seconds, `vtest.avi` of Debian's
opencv-doc): the reference is fitted on two thirds in one piece, the windows are of the other third, which third it is
goes round. And views of a photograph past which things go, in light that wanders over minutes: 2400 frames to fit, the
1000 that follow to judge. The network is MobileNetV2 in int8, as on a device. Every window of the contiguous frames is
judged, one each eight frames; `alarms` counts what `drift check` would raise.

    cd benchmarks && python -m discovery_figures.drift
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np

from discovery_figures.command_line import BUNDLE, SEEDS, print_figures
from discovery_figures.device_bundle import device_bundle, photos
from edgevision.data.images import read_image
from edgevision.data.packages import fetch_package_members
from edgevision.data.pins import Package
from edgevision.discovery.drift import FitPlan, Seen, check_frames, fit_reference, measured
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.choice import choose
from edgevision_runtime.noticing.picture import measure_picture
from edgevision_runtime.noticing.reference import DriftReference
from edgevision_runtime.noticing.window import excesses
from edgevision_runtime.predictor import Predictor
from edgevision_runtime.types import Frame

VIDEO = "usr/share/doc/opencv-doc/examples/data/vtest.avi"
PACKAGE = Package(
    "opencv-doc",
    "4.6.0+dfsg",
    "",
    95_715_012,
    "Apache-2.0 (OpenCV's samples)",
    index="apt",
    digests={VIDEO: "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"},
)
STRIDE = 8  # frames from one judged window to the next
FITTED, JUDGED = 2400, 1000  # frames of a constructed site
HEIGHT, WIDTH = 240, 320
GOALS = {"found": 0.95, "false": 0.02}  # at least, at most
Image = Any
Fault = Callable[[Image, np.random.Generator], Image]


def _blurred(share: float) -> Fault:
    return lambda image, chance: cv2.GaussianBlur(image, (0, 0), share * image.shape[1])


def _low_contrast(image: Image, chance: np.random.Generator) -> Image:
    return np.clip((image - image.mean()) * 0.5 + image.mean(), 0, 255).astype(np.uint8)


def _noisy(image: Image, chance: np.random.Generator) -> Image:
    return np.clip(image + chance.normal(0, 25, image.shape), 0, 255).astype(np.uint8)


def _half_covered(image: Image, chance: np.random.Generator) -> Image:
    covered = image.copy()
    covered[:, : image.shape[1] // 2] = 8
    return covered


FAULTS: dict[str, Fault] = {
    "dark × 0.4": lambda image, chance: (image * 0.4).astype(np.uint8),
    "contrast × 0.5": _low_contrast,
    "blur 0.4 % of the width": _blurred(0.004),
    "blur 0.8 % of the width": _blurred(0.008),
    "noise, 25 levels": _noisy,
    "colour cast": lambda image, chance: np.clip(image * np.float32([0.7, 0.9, 1.2]), 0, 255).astype(np.uint8),
    "turned by 90°": lambda image, chance: np.ascontiguousarray(np.rot90(image)),
    "half of the lens covered": _half_covered,
}


def figures(seeds: Sequence[int] = (0, 1, 2), folder: Path | None = None) -> dict[str, Any]:
    """Of all windows of all seeds the shares that are found, by site and fault."""
    began_s = process_time()
    with tempfile.TemporaryDirectory() as temporary:
        bundle = device_bundle(folder or Path(temporary))
        runs = {"street": _street(bundle, seeds), "constructed": _constructed(bundle, seeds)}
    summary = {}
    for site, found in runs.items():
        faults = {fault: statistics.fmean(run["faults"][fault] for run in found) for fault in FAULTS}
        summary[site] = {
            "false": statistics.fmean(run["false"] for run in found),
            "false_alarms": sum(run["false_alarms"] for run in found),
            "found": statistics.fmean(faults.values()),
            "faults": {fault: round(share, 3) for fault, share in faults.items()},
            "windows": found[0]["windows"],
        }
    passed = {
        site: {"found": row["found"] >= GOALS["found"], "false": row["false"] <= GOALS["false"]}
        for site, row in summary.items()
    }
    cpu_s = round(process_time() - began_s, 1)
    return {"sites": summary, "seeds": runs, "goals": GOALS, "passed": passed, "cpu_s": cpu_s}


def _street(bundle: Bundle, seeds: Sequence[int]) -> list[dict[str, Any]]:
    path = str(fetch_package_members(PACKAGE, [VIDEO]) / VIDEO)
    clean = _seen(bundle, _frames(path))
    faulty = {name: _seen(bundle, _with(fault, _frames(path))) for name, fault in FAULTS.items()}
    count, found = len(clean.vectors), []
    for seed in seeds:
        rows = (np.arange(count) + seed % 3 * count // 3) % count
        fit, judged = rows[: 2 * count // 3], rows[2 * count // 3 :]
        reference = fit_reference(clean.part(fit), bundle.embedding.fingerprint, FitPlan(seed=seed), "street")  # type: ignore[union-attr]
        found.append(_judged(reference, clean.part(judged), {name: one.part(judged) for name, one in faulty.items()}))
    return found


def _constructed(bundle: Bundle, seeds: Sequence[int]) -> list[dict[str, Any]]:
    found = []
    for seed in seeds:
        site = _site(seed, FITTED + JUDGED)
        fit = _seen(bundle, islice(site, FITTED))
        later = list(site)
        reference = fit_reference(fit, bundle.embedding.fingerprint, FitPlan(seed=seed), "site")  # type: ignore[union-attr]
        faulty = {name: _seen(bundle, _with(fault, later)) for name, fault in FAULTS.items()}
        found.append(_judged(reference, _seen(bundle, later), faulty))
    return found


def _judged(reference: DriftReference, clean: Seen, faulty: dict[str, Seen]) -> dict[str, Any]:
    away = _away(reference, clean)
    return {
        "false": statistics.fmean(away),
        "false_alarms": len(check_frames(clean, reference).alarms),
        "windows": len(away),
        "faults": {name: statistics.fmean(_away(reference, seen)) for name, seen in faulty.items()},
        "thresholds": reference.to_json()["thresholds"],
    }


def _away(reference: DriftReference, seen: Seen) -> list[bool]:
    """Of each window of contiguous frames, whether any statistic is beyond its threshold."""
    window, found = reference.window, []
    for first in range(0, len(seen.vectors) - window + 1, STRIDE):
        excess = excesses(measured(seen.part(slice(first, first + window)), reference), reference)
        found.append(max(excess.values()) > 1)
    return found


def _seen(bundle: Bundle, frames: Iterable[Image]) -> Seen:
    vectors, pictures = [], []
    with Predictor(bundle, choose(bundle)) as predictor:
        for number, image in enumerate(frames):
            vectors.append(predictor.predict(Frame(image, number, 0.0, "site")).embedding)
            pictures.append(measure_picture(image))
    return Seen(np.stack(vectors), np.array(pictures), (0, 0), None)


def _with(fault: Fault, frames: Iterable[Image]) -> Iterator[Image]:
    chance = np.random.default_rng(0)
    return (fault(image, chance) for image in frames)


def _frames(path: str) -> Iterator[Image]:
    video = cv2.VideoCapture(path)
    while (read := video.read())[0]:
        yield read[1]


def _site(seed: int, count: int) -> Iterator[Image]:
    """A photograph past which others go, cut out as ellipses; its light wanders by 6 %, and takes 20 s to do so."""
    from skimage import data

    chance = np.random.default_rng(seed)
    view = (data.coffee, data.cat, data.astronaut)[seed % 3]()[..., ::-1]
    view = cv2.resize(view, (WIDTH + 24, HEIGHT + 24), interpolation=cv2.INTER_AREA).astype(np.float32)
    others = [read_image(path) for path in np.array(photos()[1])[chance.choice(400, 40, replace=False)]]
    light, shift, passing = 0.0, np.zeros(2), []
    for _ in range(count):
        light = 0.998 * light + np.sqrt(1 - 0.998**2) * chance.normal(0, 0.06)
        shift = np.clip(0.9 * shift + chance.normal(0, 0.4, 2), -10, 10)
        if chance.random() < 1 / 60 and len(passing) < 5:
            passing.append(_Passing(others[chance.integers(len(others))], chance))
        x, y = (12 + shift).round().astype(int)
        frame = view[y : y + HEIGHT, x : x + WIDTH].copy()
        for one in passing:
            one.draw(frame)
        passing = [one for one in passing if one.is_here]
        frame = frame * np.exp(light) + chance.normal(0, 3, frame.shape)
        yield np.clip(frame, 0, 255).astype(np.uint8)


class _Passing:
    """A part of another photograph that goes through the view at its own pace."""

    def __init__(self, picture: Image, chance: np.random.Generator) -> None:
        self.side = int(chance.integers(40, 100))
        self.picture = cv2.resize(picture, (self.side, self.side), interpolation=cv2.INTER_AREA).astype(np.float32)
        self.mask = np.zeros((self.side, self.side, 1), np.float32)
        middle = (self.side // 2, self.side // 2)
        cv2.ellipse(self.mask, middle, (self.side // 3, self.side // 2 - 1), 0, 0, 360, 1, -1)
        self.pace = chance.uniform(1, 4) * chance.choice([-1, 1])
        self.left = float(-self.side if self.pace > 0 else WIDTH)
        self.top = int(chance.integers(0, HEIGHT - self.side))

    @property
    def is_here(self) -> bool:
        return -self.side <= self.left <= WIDTH

    def draw(self, frame: Image) -> None:
        left = int(self.left)
        start, end = max(0, left), min(WIDTH, left + self.side)
        if end > start:
            part = frame[self.top : self.top + self.side, start:end]
            mask = self.mask[:, start - left : end - left]
            part += mask * (self.picture[:, start - left : end - left] - part)
        self.left += self.pace


if __name__ == "__main__":
    print_figures(figures, __doc__, SEEDS, BUNDLE)
