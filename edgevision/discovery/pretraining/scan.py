"""The SCAN stage (Van Gansbeke et al. 2020): a backbone learns on until neighbours fall into one cluster."""

from __future__ import annotations

import numpy as np

from edgevision.discovery.pretraining.objectives import Material, Positions, Scan
from edgevision.discovery.whitening import Vectors, Whitening

NEIGHBOURS = 10  # of each picture
SCAN_RATE = 1e-3


def make_scan(material: Material, features: Vectors, clusters: int) -> Scan:
    """The objective, with the neighbours that pictures have in the whitened features, float32 (n, d)."""
    return Scan(material, neighbours_of(features), clusters)


def neighbours_of(features: Vectors) -> Positions:
    """The nearest pictures of each, int64 (n, 10 or as many others as there are), in the whitened features."""
    from sklearn.neighbors import NearestNeighbors

    embedding = Whitening.fit(features)(features)
    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(embedding))).fit(embedding)
    return np.asarray(search.kneighbors(embedding, return_distance=False)[:, 1:], np.int64)


def best_clusters(scan: Scan, features: Vectors) -> tuple[tuple[float, ...], Positions]:
    """(loss of each head, clusters (n,) of the one with the lowest): the best or near it, and no label is needed."""
    losses = scan.final_losses(features)
    logits = np.asarray(scan.heads[int(np.argmin(losses))](features, training=False))
    return losses, logits.argmax(axis=1)
