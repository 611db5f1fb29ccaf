import cv2
import matplotlib
import numpy as np
import pytest

from edgevision.reports import plots

CHARTS = {
    "learning_curves": lambda: plots.learning_curves({"loss": [2.0, 1.0], "val_loss": [2.1, 1.2], "f1": [0.1, 0.5]}),
    "confusion_matrix": lambda: plots.confusion_matrix(np.array([[9, 1], [0, 0]]), ["a", "b"]),
    "class_bars": lambda: plots.class_bars(["a", "b"], {"recall": [0.5, float("nan")], "F1": [1.0, 0.0]}),
    "size_against_metric": lambda: plots.size_against_metric([plots.VariantPoint("int8", 1000, 0.9)], "accuracy"),
    "confidence_scatter": lambda: plots.confidence_scatter([0.9, 0.8], [0.9, 0.4], [True, False]),
    "latency_histogram": lambda: plots.latency_histogram({"int8": [1.0, 1.1, 5.0]}),
    "sparsity_bars": lambda: plots.sparsity_bars({"conv": 0.5}, 0.5),
    "difference_whiskers": lambda: plots.difference_whiskers(
        [plots.Difference("int8", -0.01, (-0.02, 0.0), "fail")], -0.01, "accuracy"
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_a_png_with_something_on_it_and_the_same_every_time(name):
    first, second = CHARTS[name](), CHARTS[name]()

    image = cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_COLOR)
    assert first == second
    assert image.shape[1] >= 700  # sharp in half a page
    assert image.std() > 5  # blank paper has 0


@pytest.mark.parametrize("name", ["learning_curves", "latency_histogram", "confidence_scatter"])
def test_an_empty_chart_is_drawn_without_a_crash(name):
    empty = {
        "learning_curves": lambda: plots.learning_curves({}),
        "latency_histogram": lambda: plots.latency_histogram({}),
        "confidence_scatter": lambda: plots.confidence_scatter([], [], []),
    }

    assert empty[name]().startswith(b"\x89PNG")


def test_drawing_leaves_the_users_own_matplotlib_alone():
    before = dict(matplotlib.rcParams) | {"backend": matplotlib.get_backend()}

    CHARTS["class_bars"]()

    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in plots.__dict__


def test_a_variant_that_another_beats_in_size_and_quality_is_not_on_the_front():
    big, small, beaten = (
        plots.VariantPoint("big", 900, 0.95),
        plots.VariantPoint("small", 300, 0.94),
        plots.VariantPoint("beaten", 500, 0.93),
    )

    assert plots._pareto([big, small, beaten]) == [small, big]


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (9999, "9,999"), (25_000, "25 k"), (9_000_000, "9 M")])
def test_large_counts_are_shortened(count, text):
    assert plots._count(count) == text
