"""What is said of clusters, by points on a circle whose places are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgevision.discovery.clustering.kmeans import Grouping, by_size
from edgevision.discovery.clustering.statistics import BORDERLINES, EXEMPLARS, describe


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def two_fans() -> tuple[np.ndarray, Grouping]:
    """Cluster 0: 21 directions from 0° to 20°; cluster 1: 17 directions from 60° to 76°."""
    vectors = on_circle(*range(21), *range(60, 77))
    return vectors, by_size(vectors, np.array([0] * 21 + [1] * 17), "k-means")


def test_the_medoid_lies_in_the_middle_and_borderline_ones_at_the_edge() -> None:
    vectors, grouping = two_fans()

    first, second = describe(vectors, grouping).clusters

    assert (first.size, second.size) == (21, 17)
    assert first.medoid == 10  # 10°
    assert second.medoid == 21 + 8  # 68°
    assert first.borderline[0] == 20  # 20°
    assert second.borderline[0] == 21  # 60°
    assert len(first.borderline) <= BORDERLINES
    assert len(first.exemplars) <= EXEMPLARS


def test_distance_and_margin_are_those_to_the_centroids() -> None:
    vectors = on_circle(0, 0, 90)
    grouping = by_size(vectors, np.array([0, 0, 1]), "k-means")

    statistics = describe(vectors, grouping)

    assert statistics.distance == pytest.approx([0, 0, 0], abs=1e-6)
    assert statistics.margin == pytest.approx([math.sqrt(2)] * 3)


def test_a_picture_of_another_cluster_than_its_nearest_centroid_has_a_negative_margin() -> None:
    vectors = on_circle(0, 2, 4, 88, 90, 92, 3)
    grouping = by_size(vectors, np.array([0, 0, 0, 1, 1, 1, 1]), "SCAN")

    assert (describe(vectors, grouping).margin < 0).tolist() == [False] * 6 + [True]


def test_exemplars_do_not_look_like_one_another() -> None:
    vectors = on_circle(0, 0.1, 0.2, 20, 20.1, 40, 40.1)  # cos 8.1° is 0.99

    (facts,) = describe(vectors, by_size(vectors, np.zeros(7, np.int64), "k-means")).clusters

    shown = sorted(
        round(float(np.degrees(np.arctan2(*vectors[one][::-1])))) for one in (facts.medoid, *facts.exemplars)
    )
    assert shown == [0, 20, 40]


def test_purity_is_the_share_of_neighbours_in_the_same_cluster() -> None:
    vectors = on_circle(*(0.1 * step for step in range(11)), *(180 + 0.1 * step for step in range(11)))
    pure = by_size(vectors, np.array([0] * 11 + [1] * 11), "k-means")
    mixed = by_size(vectors, np.array([0, 1] * 11), "k-means")

    assert describe(vectors, pure).purity == 1.0
    assert describe(vectors, mixed).purity == pytest.approx((6 * 5 + 5 * 4) / 110)  # 6 of the one, 5 of the other


def test_what_lies_beyond_the_quantile_is_an_outlier_and_each_picture_has_one_role() -> None:
    vectors = on_circle(*np.linspace(0, 20, 199), 100)

    statistics = describe(vectors, by_size(vectors, np.zeros(200, np.int64), "k-means"))

    assert statistics.outliers[0] == 199
    assert len(statistics.outliers) == 1  # fewer than one in a hundred
    (facts,) = statistics.clusters
    assert statistics.roles[facts.medoid] == "medoid"
    assert {statistics.roles[one] for one in facts.exemplars} == {"exemplar"}
    assert facts.borderline == ()  # there is no other cluster to fall into


def test_a_single_picture_is_its_own_medoid() -> None:
    vectors = on_circle(30)

    statistics = describe(vectors, by_size(vectors, np.zeros(1, np.int64), "k-means"))

    assert statistics.clusters[0].medoid == 0
    assert statistics.margin.tolist() == [math.inf]
    assert math.isnan(statistics.purity)
