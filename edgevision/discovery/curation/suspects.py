"""Labels that the pictures speak against: a linear probe that has not seen a picture says what it shows (cleanlab)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgevision.data.dataset import open_dataset
from edgevision.discovery.curation.findings import Finding
from edgevision.discovery.whitening import normalized
from edgevision_runtime.errors import DataError, MissingDependency

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors

FOLDS = 5
DIMENSION = 64  # of what the probe sees; with its penalty the best of those we tried on digits and fashion-mnist
PENALTY = 0.3  # C of the logistic regression
CHANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Labelled:
    """Features of pictures and the label that each bears."""

    features: Vectors  # (n, d)
    names: Sequence[str]
    labels: Sequence[str]


def require_cleanlab() -> None:
    """Raise MissingDependency, with the command that helps, when cleanlab is not installed."""
    if find_spec("cleanlab") is None:
        raise MissingDependency("labels in doubt are found by cleanlab", hint='pip install "edgevision[curate]"')


def labels_of(source: str) -> dict[str, str]:
    """Name → label of a data set with a folder for each class.

    Raises:
        DataError: it has no labels, or is no data set.
    """
    dataset = open_dataset(source, "classify")
    return {
        dataset.relative(sample): dataset.labels[sample.label] for sample in dataset.samples if sample.label is not None
    }


def refuse_too_few(labels: dict[str, str]) -> None:
    """Refuse early what `find_suspects` would refuse late. Raises DataError: fewer than two classes can be judged."""
    _judged(list(labels.values()), lambda text: None)  # it warns of those that are left when it judges


def find_suspects(labelled: Labelled, seed: int, warn: Callable[[str], None]) -> list[Finding]:
    """Pictures whose label is in doubt, the least probable first (Northcutt and others 2021, confident learning).

    A label is in doubt when the probe gives another one at least the probability that it gives, on average, to pictures
    that bear that other one. Classes of fewer than five pictures are left out and warned about.

    Raises:
        DataError: fewer than two classes can be judged.
        MissingDependency: cleanlab is not installed.
    """
    require_cleanlab()
    from cleanlab.count import get_confident_thresholds
    from cleanlab.filter import find_label_issues

    classes, rows, given = _judged(labelled.labels, warn)
    probabilities = _out_of_fold(labelled.features[rows], given, seed)
    thresholds = get_confident_thresholds(given, probabilities)
    issues: Any = find_label_issues(
        given,
        probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    vectors = normalized(labelled.features[rows])
    found = []
    for issue in issues:
        other = _other_label(probabilities[issue], thresholds, int(given[issue]))
        likeness = vectors @ vectors[issue]
        likeness[issue] = -np.inf
        own, rival = (int(np.argmax(np.where(given == label, likeness, -np.inf))) for label in (given[issue], other))
        found.append(
            Finding(
                name=labelled.names[rows[issue]],
                reason="suspect",
                value=float(probabilities[issue, other]),
                limit=float(thresholds[other]),
                similar_to=labelled.names[rows[rival]],
                detail=f"labelled {classes[given[issue]]}, looks like {classes[other]}",
                beside=labelled.names[rows[own]],
            )
        )
    return found


def _judged(
    labels: Sequence[str], warn: Callable[[str], None]
) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(classes with enough pictures, rows of their pictures, position of each one's class)."""
    names, counts = np.unique(np.array(labels), return_counts=True)
    classes = [str(name) for name, count in zip(names, counts, strict=True) if count >= FOLDS]
    for name, count in zip(names, counts, strict=True):
        if count < FOLDS:
            warn(f"labels of class {name} are not judged: it has {count} pictures, {FOLDS} are needed")
    if len(classes) < 2:
        raise DataError("labels cannot be judged", expected=f"two classes with at least {FOLDS} pictures each")
    position = {name: index for index, name in enumerate(classes)}
    rows = np.array([row for row, label in enumerate(labels) if label in position], np.int64)
    return classes, rows, np.array([position[labels[row]] for row in rows], np.int64)


def _out_of_fold(features: Vectors, given: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    """Probabilities (n, classes) by probes that have not seen the picture."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.preprocessing import StandardScaler

    scores = StandardScaler().fit_transform(features.astype(np.float64))
    dimension = min(DIMENSION, *scores.shape)
    seen = PCA(dimension, svd_solver="randomized", random_state=seed).fit_transform(scores)
    seen /= max(seen.std(), CHANCE)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    probe = LogisticRegression(C=PENALTY, max_iter=1000)
    return np.asarray(cross_val_predict(probe, seen, given, cv=folds, method="predict_proba"), np.float64)


def _other_label(probabilities: npt.NDArray[np.float64], thresholds: npt.NDArray[Any], given: int) -> int:
    """The most probable other class among those that reach their threshold, as confident learning counts it."""
    reached = np.where(probabilities >= thresholds, probabilities, probabilities - 1)
    reached[given] = -np.inf
    return int(np.argmax(reached))
