"""Clusters are judged by hand-made numbers."""

from __future__ import annotations

import pytest

from edgevision.discovery.judge import judge
from edgevision_runtime.errors import DataError


def test_a_perfect_clustering_by_other_numbers_scores_1() -> None:
    judgement = judge([2, 2, 0, 0, 1], [0, 0, 1, 1, 2])

    assert (judgement.accuracy, judgement.named_accuracy, judgement.nmi, judgement.ari) == (1.0, 1.0, 1.0, 1.0)


def test_accuracy_pairs_each_label_once_and_named_accuracy_does_not() -> None:
    # label 0 falls into two clusters of 3 and 2, label 1 into one of 3 with two strangers
    clusters = [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]
    labels = [0, 0, 0, 0, 0, 1, 1, 1, 0, 0]

    judgement = judge(clusters, labels)

    assert judgement.accuracy == pytest.approx(6 / 10)
    assert judgement.named_accuracy == pytest.approx(8 / 10)
    assert judgement.confusion.tolist() == [[3, 0], [2, 0], [2, 3]]


def test_another_number_of_labels_is_refused() -> None:
    with pytest.raises(DataError, match="3 clusters for 2 labels"):
        judge([0, 1, 1], [0, 1])
