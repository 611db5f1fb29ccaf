import pytest

from edgevision.training.fit_plan import FitPlan
from edgevision_runtime.errors import UsageError


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"task": "detect"}, "classify | segment"),
        ({"classes": 1}, "2 or more"),
        ({"epochs": 0}, "1 or more"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"learning_rate": float("nan")}, "above 0"),
        ({"optimizer": "adamw"}, "adam | sgd"),
        ({"schedule": "linear"}, "constant | cosine | step"),
        ({"loss": "focal"}, "cross-entropy | dice"),
        ({"loss": "dice"}, "dice is for masks"),
        ({"label_smoothing": 1.0}, r"[0, 1)"),
        ({"early_stopping": 0}, "1 or more"),
        ({"class_weights": (1.0,)}, "2 numbers"),
        ({"class_weights": (1.0, -1.0)}, "none below 0"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_says_what_can(changes, named):
    with pytest.raises(UsageError) as caught:
        FitPlan(**{"task": "classify", "classes": 2, "epochs": 1} | changes)

    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_best_epoch_is_chosen_by_macro_f1_or_mean_iou():
    assert FitPlan(task="classify", classes=2, epochs=1).metric == "macro_f1"
    assert FitPlan(task="segment", classes=2, epochs=1).metric == "mean_iou"
