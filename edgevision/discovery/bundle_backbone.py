"""A bundle with an embedding as a backbone: the quantized network, on the engine that a device would use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.discovery.whitening import Whitening
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.choice import Choice, choose
from edgevision_runtime.embedding import read_whitening
from edgevision_runtime.engines import open_engine
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors, Weighing
    from edgevision_runtime.types import EmbeddingOutput, Engine, Image


class BundleBackbone:
    """What a device knows of a picture.

    The fingerprints are those of the float features: every variant of a bundle, and the run that it was made of, speak
    of one space, as far as the bundle's reports say that a variant keeps it.

    Raises:
        ModelError: the bundle has no embedding.
    """

    weighing: Weighing = "equal"

    def __init__(self, path: Path, *, variant: str | None = None, engine: str | None = None) -> None:
        bundle = Bundle.open(path)
        self.facts = facts_of(bundle)
        self.choice: Choice = choose(bundle, variant=variant, engine=engine)
        self.preprocess = bundle.spec.preprocess
        self.title = f"{bundle.name} {bundle.version} ({self.choice.variant.name} on {self.choice.engine})"
        self.space_fingerprint = self.facts.fingerprint
        matrix = read_whitening(bundle)
        if matrix is None:  # whitened already: nobody can whiten it otherwise
            self.fingerprint, self.whitening = self.facts.fingerprint, Whitening.none(self.facts.dimension)
        else:
            self.fingerprint, self.whitening = self.facts.backbone, Whitening(matrix[:-1], matrix[-1])
        self._engine: Engine = open_engine(self.choice.engine, bundle.read(self.choice.variant.path))

    def features(self, images: Sequence[Image]) -> Vectors:
        """See `Backbone`."""
        rows = [self._engine.infer(self.preprocess(image))[self.facts.output] for image in images]
        return np.stack(rows).astype(np.float32)


def facts_of(bundle: Bundle) -> EmbeddingOutput:
    """What a bundle says of its embedding.

    Raises:
        ModelError: it has none.
    """
    if bundle.embedding is None:
        raise ModelError(
            f"{bundle.name} {bundle.version} has no embedding",
            expected="a bundle of `edgevision convert RUN --with-embedding`",
        )
    return bundle.embedding
