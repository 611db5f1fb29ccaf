"""How well clusters fit labels that somebody has: for judging only, never for learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision_runtime.errors import DataError

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Judgement:
    """Clusters against labels."""

    accuracy: float  # of the best one-to-one pairing of clusters and labels (Hungarian method)
    named_accuracy: float  # when each cluster bears the name of most of its pictures
    nmi: float  # normalized mutual information, arithmetic mean
    ari: float  # adjusted Rand index
    confusion: Integers  # (clusters, labels)

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        return {**vars(self), "confusion": self.confusion.tolist()}


def judge(clusters: Sequence[int] | Integers, labels: Sequence[int] | Integers) -> Judgement:
    """Compare clusters (n,) with labels (n,), both numbered from 0.

    Accuracy is that of Xie, Girshick and Farhadi 2016 (the best pairing, the same for every cluster).

    Raises:
        DataError: none, or another number of the one than of the other.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    found, true = np.asarray(clusters), np.asarray(labels)
    if found.shape != true.shape or found.size == 0:
        raise DataError(f"{found.size} clusters for {true.size} labels", expected="a label for each picture")
    confusion = np.zeros((int(found.max()) + 1, int(true.max()) + 1), np.int64)
    np.add.at(confusion, (found, true), 1)
    rows, columns = linear_sum_assignment(-confusion)
    return Judgement(
        accuracy=float(confusion[rows, columns].sum() / found.size),
        named_accuracy=float(confusion.max(axis=1).sum() / found.size),
        nmi=float(normalized_mutual_info_score(true, found)),
        ari=float(adjusted_rand_score(true, found)),
        confusion=confusion,
    )
