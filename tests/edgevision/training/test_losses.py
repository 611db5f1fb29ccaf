import math

import numpy as np
import pytest

from edgevision.training.fit_plan import FitPlan
from edgevision.training.losses import make_loss

# Tolerances of 1e-6: float32 arithmetic on numbers around one.


def classify(**changes):
    return make_loss(FitPlan(task="classify", classes=2, epochs=1, **changes))


def segment(**changes):
    return make_loss(FitPlan(task="segment", classes=2, epochs=1, **changes))


def logits(shares):
    """Logits whose softmax is `shares` (…, classes)."""
    return np.log(np.asarray(shares, np.float32))


def test_cross_entropy_is_minus_the_log_of_the_true_class():
    loss = classify()(np.array([0, 1]), np.array([[0.5, 0.5], [0.2, 0.8]], np.float32))

    assert loss.numpy() == pytest.approx([-math.log(0.5), -math.log(0.8)], abs=1e-6)


def test_class_weights_multiply_the_loss_of_their_class():
    loss = classify(class_weights=(1.0, 10.0))(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]], np.float32))

    assert loss.numpy() == pytest.approx([math.log(2), 10 * math.log(2)], abs=1e-5)


def test_label_smoothing_spreads_its_share_over_all_classes():
    loss = classify(label_smoothing=0.2)(np.array([1]), np.array([[0.25, 0.75]], np.float32))

    assert loss.numpy() == pytest.approx([-0.1 * math.log(0.25) - 0.9 * math.log(0.75)], abs=1e-6)


def test_ignored_pixels_do_not_count():
    truth = np.array([[[0, 1], [255, 255]]])
    shares = [[[[0.5, 0.5], [0.2, 0.8]], [[0.9, 0.1], [0.1, 0.9]]]]

    loss = segment()(truth, logits(shares))

    assert loss.numpy() == pytest.approx([-(math.log(0.5) + math.log(0.8)) / 2], abs=1e-6)


def test_a_mask_without_one_labelled_pixel_costs_nothing():
    assert segment()(np.full((1, 2, 2), 255), logits(np.full((1, 2, 2, 2), 0.5))).numpy() == [0.0]


def test_dice_is_zero_when_right_and_counts_overlap_over_size():
    truth = np.array([[[0, 0], [1, 1]]])
    right = [[[[1, 1e-9], [1, 1e-9]], [[1e-9, 1], [1e-9, 1]]]]
    undecided = np.full((1, 2, 2, 2), 0.5)

    loss = segment(loss="dice")

    assert loss(truth, logits(right)).numpy() == pytest.approx([0.0], abs=1e-6)
    # each class: overlap 2·0.5 = 1, size 2 + 4·0.5 = 4, Dice (2·1 + 1) / (4 + 1) = 0.6
    assert loss(truth, logits(undecided)).numpy() == pytest.approx([0.4], abs=1e-6)


def test_both_losses_add_up():
    truth, output = np.array([[[0, 1]]]), logits([[[[0.7, 0.3], [0.6, 0.4]]]])

    both = segment(loss="cross-entropy+dice")(truth, output).numpy()

    assert both == pytest.approx((segment()(truth, output) + segment(loss="dice")(truth, output)).numpy(), abs=1e-6)
