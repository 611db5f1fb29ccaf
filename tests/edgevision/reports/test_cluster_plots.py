"""Charts about clusters are drawn for one cluster and for hundreds, for seconds and for hours."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.reports.cluster_plots import Span, clock, cluster_confusion, cluster_sizes, timeline

PNG = b"\x89PNG"


@pytest.mark.parametrize("count", [1, 12, 300])
def test_sizes_are_drawn_for_few_and_many(count: int) -> None:
    assert cluster_sizes(list(range(count, 0, -1)), [float("nan")] * count).startswith(PNG)


@pytest.mark.parametrize("shape", [(1, 1), (50, 10), (200, 60)])
def test_confusion_is_drawn_whatever_its_shape(shape: tuple[int, int]) -> None:
    counts = np.random.default_rng(0).integers(0, 50, shape)

    assert cluster_confusion(counts, [f"label {number}" for number in range(shape[1])]).startswith(PNG)


@pytest.mark.parametrize("count", [1, 4, 80])
def test_a_timeline_is_drawn_with_and_without_key_frames(count: int) -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    spans = [Span("a.mp4", 2.0 * n, 2.0 * n + 2, n, picture if n % 3 else None) for n in range(count)]

    assert timeline([*spans, Span("b.mp4", 0, 5, 0)]).startswith(PNG)
    assert timeline(spans) == timeline(spans)


@pytest.mark.parametrize(
    ("seconds", "longest_s", "text"),
    [(12.5, 60, "12.5 s"), (65, 600, "1:05"), (3725, 7200, "1:02:05"), (0, 7200, "0:00:00")],
)
def test_times_are_written_as_long_as_they_need(seconds: float, longest_s: float, text: str) -> None:
    assert clock(seconds, longest_s) == text
