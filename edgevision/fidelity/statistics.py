"""Intervals and verdicts for paired comparisons: how sure are we, from these images, that nothing was lost?

Every interval is a 95 % interval, and every bootstrap resamples *images*, because an image is what is drawn from the
world; the pixels of one mask are not independent of one another.

Sources:
    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22.
    McNemar 1947, Psychometrika 12; its exact form is the binomial sign test of the discordant pairs.
    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13 (percentile interval).
    Hesterberg 2015, "What Teachers Should Know about the Bootstrap", Am. Stat. 69 (expanded percentiles).
    Bonett & Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
        data", J. Educ. Behav. Stat. 37 (one pseudo-pair each way).
    Hanley & Lippman-Hand 1983, "If nothing goes wrong, is everything all right?", JAMA 249 (rule of three).
    Connor 1987, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Z = 1.959963984540054  # 97.5 % quantile of the normal distribution: two-sided 95 %
RULE_OF_THREE = 3.0  # -ln(0.05): nothing seen in n trials means a rate of at most 3/n
FEWEST_IMAGES = 10  # below this a bootstrap of unequal values says too little to be given
MOST_DRAWS_AT_ONCE = 1 << 22  # bounds the memory of one block of resamples to 32 MB

Counts = npt.NDArray[np.float64]  # (images, classes), or (images,)


@dataclass(frozen=True)
class Estimate:
    """A measured value and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def ci95(self) -> tuple[float, float]:
        """The interval as a pair."""
        return self.low, self.high


@dataclass(frozen=True)
class Bootstrap:
    """How often to resample, and from which seed: the same seed gives the same interval."""

    seed: int = 0
    resamples: int = 4000


@dataclass(frozen=True)
class Ratios:
    """Per image and class, the two counts whose ratio is the metric: IoU, Dice, recall, pixel accuracy.

    The metric of a set of images is the mean over classes of (sum of `numerators` / sum of `denominators`); a class
    with no denominator at all does not count.
    """

    numerators: Counts  # (images, classes)
    denominators: Counts  # (images, classes)

    def of(self, weights: Any) -> Any:
        """The metric when image i counts `weights[..., i]` times; NaN when no class has a denominator."""
        below = np.asarray(weights @ self.denominators)
        above = np.asarray(weights @ self.numerators)
        ratios = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        classes = (below > 0).sum(axis=-1)
        return np.divide(ratios.sum(axis=-1), classes, out=np.full(classes.shape, np.nan), where=classes > 0)

    def value(self) -> float:
        """The metric of all images."""
        return float(self.of(np.ones(len(self.numerators))))


def wilson(successes: int, total: int) -> Estimate:
    """A share with its Wilson score interval; of nothing, nothing is known: (NaN, 0, 1)."""
    if total == 0:
        return Estimate(math.nan, 0.0, 1.0)
    share = successes / total
    centre = share + Z**2 / (2 * total)
    spread = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    scale = 1 + Z**2 / total
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Estimate(share, 0.0 if successes == 0 else low, 1.0 if successes == total else high)


def mcnemar_p(lost: int, gained: int) -> float:
    """McNemar's exact two-sided p: how likely so lopsided a split of the discordant images is by chance alone."""
    discordant = lost + gained
    if discordant == 0:
        return 1.0
    return min(1.0, 2.0 * float(special.bdtr(min(lost, gained), discordant, 0.5)))


def paired_accuracy_difference(lost: int, gained: int, images: int, bootstrap: Bootstrap) -> Estimate:
    """Accuracy of the variant minus that of the reference, by paired bootstrap.

    `lost`: images only the reference got right; `gained`: only the variant. Resampling images is drawing the three
    counts (lost, gained, same) from a multinomial, so no image is touched. One pseudo-image each way (Bonett & Price)
    keeps the interval honest when few or no images differ: with none it is the rule of three, ±3/n.
    """
    if images == 0:
        return Estimate(math.nan, -1.0, 1.0)
    total = images + 2
    shares = [(lost + 1) / total, (gained + 1) / total, (images - lost - gained) / total]
    drawn = np.random.default_rng(bootstrap.seed).multinomial(total, shares, size=bootstrap.resamples)
    low, high = _percentiles((drawn[:, 1] - drawn[:, 0]) / total, images)
    return Estimate((gained - lost) / images, max(-1.0, low), min(1.0, high))


def ratio_interval(ratios: Ratios, bootstrap: Bootstrap) -> Estimate:
    """A metric made of per-image counts, with its bootstrap interval over images."""
    return _bootstrapped([ratios], bootstrap)


def paired_ratio_difference(reference: Ratios, variant: Ratios, bootstrap: Bootstrap) -> Estimate:
    """The variant's metric minus the reference's, both taken from the same resampled images."""
    return _bootstrapped([variant, reference], bootstrap)


def verdict(estimate: Estimate, at_least: float) -> str:
    """pass: the whole interval is at or above the limit; fail: all of it is below; else inconclusive."""
    if estimate.low >= at_least:
        return "pass"
    if estimate.high < at_least:
        return "fail"
    return "inconclusive"


def images_for_accuracy(lost: int, gained: int, images: int, at_least: float) -> int | None:
    """How many images in all would settle whether the accuracy difference is at least `at_least`.

    Normal approximation at the observed rate of discordant images (Connor 1987) with the two pseudo-images of the
    interval: the smallest n with z·sqrt(variance·n + 2) = margin·n, but never below the rule of three, 3/margin.
    None: the observed difference stands on the limit, and no number of images would settle it.
    """
    difference = (gained - lost) / images
    margin = abs(difference - at_least)
    if margin < 1e-12:
        return None
    variance = (lost + gained) / images - difference**2
    spread = Z**2 * variance
    normal = (spread + math.sqrt(spread**2 + 8 * Z**2 * margin**2)) / (2 * margin**2)
    return math.ceil(max(normal, RULE_OF_THREE / margin))


def images_for_share(share: float, at_least: float) -> int | None:
    """How many images in all would put Wilson's interval of `share` on one side of `at_least`.

    Wilson's interval inverts the score test, so this is exact for a share that stays as it is:
    n = z²·L·(1 − L)/(share − L)². None: the share stands on the limit.
    """
    margin = abs(share - at_least)
    if margin < 1e-12:
        return None
    return math.ceil(Z**2 * at_least * (1 - at_least) / margin**2) if 0 < at_least < 1 else 1


def images_for_ratio(estimate: Estimate, images: int, at_least: float) -> int | None:
    """How many images in all would shrink a bootstrap interval to one side of `at_least`: widths go with 1/sqrt(n)."""
    if images < FEWEST_IMAGES:
        return FEWEST_IMAGES
    margin = abs(estimate.value - at_least)
    if not math.isfinite(margin) or margin < 1e-12:  # not measured, or on the limit itself
        return None
    reach = estimate.value - estimate.low if estimate.value > at_least else estimate.high - estimate.value
    return math.ceil(images * (reach / margin) ** 2)


def _bootstrapped(terms: list[Ratios], bootstrap: Bootstrap) -> Estimate:
    """The first term's metric minus the others'; (value, -inf, inf) from fewer than FEWEST_IMAGES."""
    images = len(terms[0].numerators)

    def statistic(weights: Any) -> Any:
        return terms[0].of(weights) - sum(term.of(weights) for term in terms[1:])

    value = float(statistic(np.ones(images)))
    if images < FEWEST_IMAGES:
        return Estimate(value, -math.inf, math.inf)
    random = np.random.default_rng(bootstrap.seed)
    block = max(1, MOST_DRAWS_AT_ONCE // images)
    sizes = [min(block, bootstrap.resamples - start) for start in range(0, bootstrap.resamples, block)]
    drawn = np.concatenate([statistic(_resample(random, images, size)) for size in sizes])
    low, high = _percentiles(drawn[~np.isnan(drawn)], images)
    return Estimate(value, low, high)


def _resample(random: np.random.Generator, images: int, resamples: int) -> Counts:
    """How often each image is drawn in each resample: float64 (resamples, images), each row sums to `images`."""
    drawn = random.integers(images, size=(resamples, images)) + np.arange(resamples)[:, None] * images
    counts = np.bincount(drawn.ravel(), minlength=resamples * images)
    return counts.reshape(resamples, images).astype(np.float64)


def _percentiles(drawn: npt.NDArray[np.float64], images: int) -> tuple[float, float]:
    """Expanded percentiles (Hesterberg 2015): as wide as a t interval of `images` values would be."""
    if images < 2 or not len(drawn):
        return -math.inf, math.inf
    reach = math.sqrt(images / (images - 1)) * -float(special.stdtrit(images - 1, 0.025))
    tail = float(special.ndtr(-reach))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
