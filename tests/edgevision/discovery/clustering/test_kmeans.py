"""Clusters come in an order that does not depend on chance, and none is empty."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.discovery.clustering.kmeans import by_size, group
from edgevision.discovery.whitening import normalized
from edgevision_runtime.errors import UsageError


def blobs(sizes: list[int], seed: int = 0) -> np.ndarray:
    """Points around the axes of a space, so many around each."""
    chance = np.random.default_rng(seed)
    centres = np.repeat(np.eye(len(sizes), 8), sizes, axis=0)
    return normalized((centres + chance.normal(0, 0.05, centres.shape)).astype(np.float32))


def test_clusters_are_found_and_the_largest_comes_first() -> None:
    grouping = group(blobs([5, 30, 12]), 3, seed=0)

    assert grouping.assignment.tolist() == [2] * 5 + [0] * 30 + [1] * 12
    assert grouping.method == "k-means"


def test_centroids_are_the_means_of_their_clusters() -> None:
    vectors = blobs([5, 30, 12])

    grouping = group(vectors, 3, seed=0)

    assert grouping.centroids[0] == pytest.approx(vectors[5:35].mean(axis=0), abs=1e-6)


def test_the_same_seed_gives_the_same_clusters() -> None:
    vectors = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)

    first, second = group(vectors, 20, seed=3), group(vectors, 20, seed=3)

    assert (first.assignment == second.assignment).all()
    assert (first.centroids == second.centroids).all()


def test_vectors_past_the_memory_limit_are_looked_at_in_batches() -> None:
    vectors = blobs([5, 30, 12])

    grouping = group(vectors, 3, seed=0, whole_limit_bytes=vectors.nbytes - 1)

    assert grouping.method == "mini-batch k-means"
    assert grouping.assignment.tolist() == [2] * 5 + [0] * 30 + [1] * 12


def test_more_clusters_than_pictures_give_one_each() -> None:
    assert group(blobs([2, 1]), 50, seed=0).count == 3


def test_fewer_different_vectors_than_clusters_give_fewer_clusters() -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)

    grouping = group(vectors, 6, seed=0)

    assert grouping.count == 3
    assert np.bincount(grouping.assignment).tolist() == [10, 10, 10]


def test_no_cluster_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="0 clusters"):
        group(blobs([3]), 0, seed=0)


def test_a_foreign_assignment_is_numbered_by_size() -> None:
    vectors = np.eye(4, dtype=np.float32)

    grouping = by_size(vectors, np.array([7, 2, 2, 5]), "SCAN")

    assert grouping.assignment.tolist() == [2, 0, 0, 1]
    assert grouping.centroids[0].tolist() == [0, 0.5, 0.5, 0]
