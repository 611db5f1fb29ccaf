import math

import numpy as np
import pytest
from scipy.stats import binomtest

from edgevision.fidelity import statistics
from edgevision.fidelity.statistics import Bootstrap, Estimate, Ratios


def mean_difference(reference, variant, bootstrap):
    """Of per-image values (images,): a ratio whose denominators are all 1."""
    ones = np.ones((len(reference), 1))
    return statistics.paired_ratio_difference(
        Ratios(reference[:, None], ones), Ratios(variant[:, None], ones), bootstrap
    )


def test_wilson_matches_the_textbook_and_is_never_certain():
    all_of_ten = statistics.wilson(10, 10)
    nine_of_ten = statistics.wilson(9, 10)

    # Wilson 1927: low bound at p = 1 is n / (n + z²) = 10 / 13.8415
    assert all_of_ten == Estimate(1.0, pytest.approx(0.72247, abs=1e-5), 1.0)
    assert nine_of_ten.low == pytest.approx(binomtest(9, 10).proportion_ci(method="wilson").low, abs=1e-12)
    assert nine_of_ten.high == pytest.approx(binomtest(9, 10).proportion_ci(method="wilson").high, abs=1e-12)


def test_wilson_of_nothing_knows_nothing():
    nothing = statistics.wilson(0, 0)

    assert math.isnan(nothing.value)
    assert nothing.ci95 == (0.0, 1.0)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (0, 5), (3, 3), (2, 11), (40, 25)])
def test_mcnemar_is_the_exact_binomial_test_of_the_discordant_images(lost, gained):
    p = statistics.mcnemar_p(lost, gained)

    expected = binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
    assert p == pytest.approx(expected, abs=1e-12)


def test_accuracy_interval_covers_a_known_drop_of_synthetic_logits():
    images, classes, seeds = 400, 5, 500
    random = np.random.default_rng(7)
    labels = random.integers(classes, size=(seeds, images))
    signal = np.eye(classes)[labels] * 2.0
    reference = signal + random.normal(size=signal.shape)
    variant = reference + random.normal(scale=0.5, size=signal.shape)  # what quantization does: noise on the logits
    reference_right, variant_right = reference.argmax(-1) == labels, variant.argmax(-1) == labels
    lost = (reference_right & ~variant_right).sum(1)
    gained = (~reference_right & variant_right).sum(1)
    true_drop = float((gained - lost).mean() / images)  # of 200 000 images: known to about 0.0007

    intervals = [
        statistics.paired_accuracy_difference(int(lost[seed]), int(gained[seed]), images, Bootstrap(seed, 1000))
        for seed in range(seeds)
    ]
    covered = np.mean([interval.low <= true_drop <= interval.high for interval in intervals])

    # 500 trials of 95 % have a standard error of 1 %; three of them
    assert 0.92 <= covered <= 0.99
    assert true_drop < -0.01


def test_mean_interval_covers_a_known_difference_of_thirty_masks():
    seeds, masks, true_difference = 500, 30, -0.003
    random = np.random.default_rng(3)
    reference = random.uniform(0.85, 0.98, size=(seeds, masks))
    variant = reference + random.normal(true_difference, 0.01, size=(seeds, masks))

    intervals = [mean_difference(reference[seed], variant[seed], Bootstrap(seed, 500)) for seed in range(seeds)]
    covered = np.mean([interval.low <= true_difference <= interval.high for interval in intervals])

    # measured 0.94; a plain percentile interval reaches 0.925 at 30 images
    assert 0.92 <= covered <= 0.98


def test_no_difference_seen_is_the_rule_of_three():
    sixty = statistics.paired_accuracy_difference(0, 0, 60, Bootstrap())

    assert sixty.value == 0.0
    assert sixty.ci95 == pytest.approx((-3 / 62, 3 / 62))  # 60 images and the two pseudo-images


def test_same_seed_same_interval():
    first = statistics.paired_accuracy_difference(5, 2, 100, Bootstrap(seed=1))
    second = statistics.paired_accuracy_difference(5, 2, 100, Bootstrap(seed=1))

    assert first == second


def test_ratio_metric_is_the_mean_over_classes_that_occur():
    ratios = Ratios(np.array([[6.0, 1.0, 0.0], [2.0, 0.0, 0.0]]), np.array([[8.0, 4.0, 0.0], [2.0, 0.0, 0.0]]))

    # class 0: 8/10, class 1: 1/4, class 2 never occurs
    assert ratios.value() == pytest.approx((0.8 + 0.25) / 2)
    assert ratios.of(np.array([0.0, 1.0])) == pytest.approx(1.0)  # only the second image


def test_ratio_interval_resamples_images_and_pairs_them():
    random = np.random.default_rng(0)
    union = random.uniform(500, 1500, size=(40, 2))
    share = random.uniform(0.5, 1.0, size=(40, 2))
    reference, variant = Ratios(union * share, union), Ratios(union * (share - 0.01), union)

    alone = statistics.ratio_interval(reference, Bootstrap())
    paired = statistics.paired_ratio_difference(reference, variant, Bootstrap())

    assert alone.high - alone.low > 0.05  # images differ much from one another …
    assert paired.ci95 == pytest.approx((-0.01, -0.01), abs=1e-9)  # … but the loss is the same on each


def test_few_masks_say_nothing():
    nine = Ratios(np.ones((9, 1)), np.ones((9, 1)))

    interval = statistics.paired_ratio_difference(nine, nine, Bootstrap())

    assert interval.ci95 == (-math.inf, math.inf)
    assert statistics.verdict(interval, -0.01) == "inconclusive"
    assert statistics.images_for_ratio(interval, 9, -0.01) == 10


@pytest.mark.parametrize(
    ("interval", "limit", "expected"),
    [
        ((-0.009, 0.004), -0.01, "pass"),
        ((-0.010, 0.004), -0.01, "pass"),  # on the limit is within it
        ((-0.030, -0.011), -0.01, "fail"),
        ((-0.030, -0.010), -0.01, "inconclusive"),
        ((-0.030, 0.020), -0.01, "inconclusive"),
        ((0.951, 0.990), 0.95, "pass"),
        ((0.900, 0.949), 0.95, "fail"),
    ],
)
def test_verdict_has_three_values(interval, limit, expected):
    assert statistics.verdict(Estimate(sum(interval) / 2, *interval), limit) == expected


@pytest.mark.parametrize(("lost", "gained", "images"), [(0, 0, 60), (1, 2, 60), (3, 0, 100), (4, 3, 300), (9, 2, 500)])
def test_the_images_asked_for_would_settle_the_accuracy(lost, gained, images):
    now = statistics.paired_accuracy_difference(lost, gained, images, Bootstrap())
    needed = statistics.images_for_accuracy(lost, gained, images, at_least=-0.01)
    assert needed is not None

    scale = 1.05 * needed / images  # 5 % more than said: counts are whole numbers
    then = statistics.paired_accuracy_difference(
        round(lost * scale), round(gained * scale), round(images * scale), Bootstrap()
    )

    assert statistics.verdict(now, -0.01) == "inconclusive"
    assert needed > images
    assert statistics.verdict(then, -0.01) != "inconclusive"


def test_no_number_of_images_settles_a_difference_that_stands_on_the_limit():
    assert statistics.images_for_accuracy(3, 2, 100, at_least=-0.01) is None
    assert statistics.images_for_share(0.95, at_least=0.95) is None


def test_without_discordance_the_rule_of_three_says_how_many():
    assert statistics.images_for_accuracy(0, 0, 60, at_least=-0.01) == 300


def test_the_images_asked_for_would_settle_the_agreement():
    needed = statistics.images_for_share(1.0, at_least=0.95)
    assert needed == 73  # z² · 0.95 / 0.05 = 72.99

    assert statistics.verdict(statistics.wilson(needed - 1, needed - 1), 0.95) == "inconclusive"
    assert statistics.verdict(statistics.wilson(needed, needed), 0.95) == "pass"


def test_bootstrap_interval_shrinks_as_predicted():
    random = np.random.default_rng(5)
    values = random.normal(0.0, 0.02, size=400)
    few = mean_difference(np.zeros(25), values[:25], Bootstrap())
    assert statistics.verdict(few, few.value - 0.005) == "inconclusive"

    needed = statistics.images_for_ratio(few, 25, few.value - 0.005)
    assert needed is not None
    many = mean_difference(np.zeros(needed), np.resize(values[:25], needed), Bootstrap())

    # the same spread of values, more often: width goes with 1/sqrt(n); 10 % for the resampling itself
    assert many.value - many.low == pytest.approx(0.005, rel=0.1)
