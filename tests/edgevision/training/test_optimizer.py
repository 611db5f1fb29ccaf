import pytest

from edgevision.training.fit_plan import FitPlan
from edgevision.training.optimizer import make_optimizer, make_schedule


def rates(steps, at, **changes):
    """The learning rate at some steps of a training of `steps`."""
    schedule = make_schedule(FitPlan(task="classify", classes=2, epochs=1, learning_rate=0.8, **changes), steps)
    return [float(schedule(step)) for step in at]


# Tolerances of 1e-6: the schedules compute in float32.


def test_cosine_falls_from_the_rate_to_zero():
    assert rates(100, [0, 50, 100]) == pytest.approx([0.8, 0.4, 0.0], abs=1e-6)


def test_step_takes_a_tenth_at_one_half_and_a_hundredth_at_three_quarters():
    assert rates(100, [0, 50, 51, 75, 76], schedule="step") == pytest.approx([0.8, 0.8, 0.08, 0.08, 0.008], abs=1e-6)


def test_constant_stays():
    assert make_schedule(FitPlan("classify", 2, 1, learning_rate=0.8, schedule="constant"), 100) == 0.8


def test_warmup_climbs_to_the_rate_before_it_falls():
    assert rates(100, [0, 10, 20, 60, 100], warmup_share=0.2) == pytest.approx([0.0, 0.4, 0.8, 0.4, 0.0], abs=1e-6)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_the_optimizer_is_the_one_that_was_asked_for(name):
    optimizer = make_optimizer(FitPlan("classify", 2, 1, optimizer=name), steps_per_epoch=10)

    assert optimizer.name.lower() == name
