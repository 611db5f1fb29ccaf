"""A site's reference for drift, fitted on frames as they came: contiguous windows differ more than shuffled ones.

Each block of the recording is judged by what the others say (cross-fitting), so that a threshold knows how far windows
of another time lie. It is a prediction bound for a further window: mean and deviation of the statistic over the blocks'
windows, Student's t with as many degrees of freedom as there are blocks less one; of T² and χ² their logarithms, of
luma, contrast and sharpness either way from the site's. Never below the windows that were seen, nor below what no model
minds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgevision.discovery.bundle_backbone import facts_of
from edgevision.discovery.whitening import normalized
from edgevision_runtime.choice import choose
from edgevision_runtime.errors import DataError
from edgevision_runtime.messages import BEGAN
from edgevision_runtime.noticing.drift import Alarm
from edgevision_runtime.noticing.picture import DESCRIBED, describe_pictures, measure_picture
from edgevision_runtime.noticing.reference import COLOUR, CONTRAST, LAYOUT, LUMA, SHARPNESS, STATISTICS, DriftReference
from edgevision_runtime.noticing.window import PICTURE_EVERY, Window, excesses, measure_window
from edgevision_runtime.predictor import Predictor
from edgevision_runtime.types import Frame

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.discovery.frames import FrameSet
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.types import Tensor

    Floats = npt.NDArray[np.float64]

WINDOW = 64  # frames
FALSE_ALARMS = 0.01  # of windows of the same site, all statistics together
GROUPS = 6  # centroids of the occupancy
FEWEST_BLOCKS, MOST_BLOCKS = 4, 10
STRIDE = 8  # frames from one window to the next, in a block
SHRINKAGE = 0.1  # of the covariance towards a sphere, as a share of its mean variance
STILL = 0.05  # length by which the embedding of a still scene wanders, through noise and quantization
TOO_SMALL = {  # to matter to anybody
    LUMA: 10.0,
    CONTRAST: float(np.log(1.15)),
    SHARPNESS: float(np.log(1.2)),
    COLOUR: float(np.log(1.1)),
    LAYOUT: 0.15,
}


class Seen(NamedTuple):
    """Frames as a device sees them, in the order in which they came."""

    vectors: Tensor  # float32 (n, k)
    pictures: Floats  # (n, 51), of `measure_picture`
    size: tuple[int, int]  # (width, height) of the first
    every_s: float | None  # time between two; None: unknown

    def part(self, rows: Any) -> Seen:
        """Some of them."""
        return self._replace(vectors=self.vectors[rows], pictures=self.pictures[rows])


@dataclass(frozen=True)
class FitPlan:
    """How a reference is fitted."""

    window: int = WINDOW
    false_alarm_rate: float = FALSE_ALARMS
    seed: int = 0


def watch_frames(bundle: Bundle, frames: FrameSet, on_frame: Callable[[int, int], None] = lambda i, n: None) -> Seen:
    """Run a bundle over frames as a device would: its own engine and variant, its own reading of the embedding.

    Raises:
        ModelError: the bundle has no embedding.
        DataError: nothing could be decoded.
    """
    facts_of(bundle)
    vectors: list[Tensor] = []
    pictures: list[Floats] = []
    times: list[float | None] = []
    size = (0, 0)
    with Predictor(bundle, choose(bundle)) as predictor:
        for number, (item, image) in enumerate(frames.images(), start=1):
            embedding = predictor.predict(Frame(image, number, 0.0, item.name)).embedding
            assert embedding is not None
            vectors.append(embedding)
            pictures.append(measure_picture(image))
            times.append(item.time_s)
            size = size if number > 1 else (image.shape[1], image.shape[0])
            on_frame(number, len(frames.items))
    if not vectors:
        raise DataError(f"{frames.source}: no picture could be decoded", hint="; ".join(frames.unreadable[:3]))
    return Seen(np.stack(vectors), np.stack(pictures), size, _spacing(times))


def _spacing(times: Iterable[float | None]) -> float | None:
    """The usual time between two frames of a video; None for pictures."""
    known = [time for time in times if time is not None]
    steps = np.diff(known)
    steps = steps[steps > 0]  # the next video begins at 0 again
    return float(np.median(steps)) if len(steps) else None


def fit_reference(seen: Seen, space: str, plan: FitPlan, source: str) -> DriftReference:
    """What the site looks like, and how far a window of it may be from that.

    Raises:
        DataError: too few frames.
    """
    fewest = FEWEST_BLOCKS * plan.window
    if len(seen.vectors) < fewest:
        raise DataError(
            f"{source}: too few frames, {len(seen.vectors)}",
            expected=f"{fewest} or more, as they came from the camera; hours are better than minutes",
            hint="" if seen.every_s is None else "a smaller --every takes more of them",
        )
    whole = _summed_up(seen, plan, space)
    blocks = min(MOST_BLOCKS, len(seen.vectors) // plan.window)
    found = list(_cross_fitted(seen, whole, blocks))
    fitted_on = {
        "source": source,
        "frames": len(seen.vectors),
        "blocks": blocks,
        "windows": sum(len(statistics) for statistics in found),
    }
    thresholds = _thresholds(found, plan.false_alarm_rate)
    return replace(whole, thresholds=thresholds, fitted_on=fitted_on)


def _summed_up(seen: Seen, plan: FitPlan, space: str) -> DriftReference:
    """The reference of these frames, still without thresholds."""
    from sklearn.cluster import KMeans

    vectors = seen.vectors.astype(np.float64)
    centroids = normalized(KMeans(GROUPS, n_init=4, random_state=plan.seed).fit(vectors).cluster_centers_)
    plain = DriftReference(
        space=space,
        window=plan.window,
        every_s=seen.every_s,
        frame_size=seen.size,
        mean=np.zeros(vectors.shape[1]),
        precision=np.zeros((0, 0)),
        centroids=centroids.astype(np.float64),
        shares=np.zeros(0),
        picture=np.zeros(DESCRIBED),
        thresholds=np.ones(len(STATISTICS)),
        false_alarm_rate=plan.false_alarm_rate,
        fitted_on={},
    )
    return _centred_on(seen, plain)


def _centred_on(seen: Seen, reference: DriftReference) -> DriftReference:
    """The same with mean, covariance, shares and picture of these frames; centroids stay."""
    vectors = seen.vectors.astype(np.float64)
    dimension = vectors.shape[1]
    covariance = np.cov(vectors.T)
    sphere = SHRINKAGE * np.trace(covariance) / dimension + STILL**2 / dimension
    nearest = np.bincount((vectors @ reference.centroids.T).argmax(axis=1), minlength=len(reference.centroids))
    counted = nearest + len(vectors) / reference.window  # as if each window had one more of each: no share is nothing
    return replace(
        reference,
        mean=vectors.mean(axis=0),
        precision=np.linalg.inv(covariance + sphere * np.eye(dimension)),
        shares=counted / counted.sum(),
        picture=describe_pictures(seen.pictures).mean(axis=0),
    )


def _cross_fitted(seen: Seen, whole: DriftReference, blocks: int) -> Iterator[Floats]:
    """For each contiguous block the statistics of its windows, (windows, 7), by what the other blocks say.

    Half a window before and behind the block is left out of those too: it is nearly the same frames.
    """
    count, window = len(seen.vectors), whole.window
    edges = np.linspace(0, count, blocks + 1).astype(int)
    for start, end in pairwise(edges.tolist()):
        others = np.r_[0 : max(0, start - window // 2), min(count, end + window // 2) : count]
        reference = _centred_on(seen.part(others), whole)
        starts = range(start, end - window + 1, STRIDE)
        yield np.array([measured(seen.part(slice(first, first + window)), reference) for first in starts])


def measured(window: Seen, reference: DriftReference) -> Floats:
    """The statistics of one window of frames, float64 (7,), as a device measures them."""
    statistics: Floats = measure_window(window.vectors, window.pictures[::PICTURE_EVERY], reference)
    return statistics


def _thresholds(found: list[Floats], false_alarm_rate: float) -> Floats:
    """A bound for each statistic that a further window of the site passes with its part of the rate."""
    from scipy.stats import t as student

    share = false_alarm_rate / len(STATISTICS)
    windows = np.concatenate(found)
    widened = np.sqrt(1 + 1 / len(found))
    one_sided = student.ppf(1 - share, len(found) - 1) * widened
    two_sided = student.ppf(1 - share / 2, len(found) - 1) * widened
    logarithms, signed, distances = np.split(np.c_[np.log(windows[:, :2] + 1), windows[:, 2:]], (2, 5), axis=1)
    away = np.exp(logarithms.mean(axis=0) + one_sided * logarithms.std(axis=0)) - 1
    apart = two_sided * np.sqrt((signed**2).mean(axis=0))
    distant = distances.mean(axis=0) + one_sided * distances.std(axis=0)
    seen = np.quantile(np.abs(windows), 1 - share, axis=0)
    least = np.array([0.0, 0.0, *TOO_SMALL.values()])
    thresholds: Floats = np.maximum(np.maximum(np.concatenate([away, apart, distant]), seen), least)
    return thresholds


class CheckedWindow(NamedTuple):
    """One full window of new frames."""

    first: int  # frame
    statistics: Floats  # (7,)
    excess: dict[str, float]  # multiples of the thresholds

    @property
    def is_away(self) -> bool:
        """Whether any statistic is beyond its threshold."""
        return max(self.excess.values()) > 1


@dataclass(frozen=True)
class DriftCheck:
    """New frames held against a reference."""

    windows: tuple[CheckedWindow, ...]
    alarms: tuple[tuple[int, str], ...]  # (window at which it began, the statistic that was furthest away)
    same_size: bool  # as the frames of the reference

    @property
    def share_away(self) -> float:
        """Share of the windows beyond a threshold."""
        return sum(window.is_away for window in self.windows) / max(1, len(self.windows))


def check_frames(seen: Seen, reference: DriftReference) -> DriftCheck:
    """Judge frames as a device would, window after window."""
    same_size = seen.size == reference.frame_size
    gathered, alarm = Window(reference), Alarm()
    windows: list[CheckedWindow] = []
    alarms = []
    for number, (vector, picture) in enumerate(zip(seen.vectors, seen.pictures, strict=True)):
        statistics = gathered.add(vector, partial(np.asarray, picture))
        if statistics is None:
            continue
        excess = excesses(statistics, reference, same_size=same_size)
        windows.append(CheckedWindow(number + 1 - reference.window, statistics, excess))
        if alarm.step(excess) == BEGAN:
            alarms.append((len(windows) - 1, alarm.name))
    return DriftCheck(tuple(windows), tuple(alarms), same_size)
