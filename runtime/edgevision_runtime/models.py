"""The models of a run: loaded once for each worker, and exchanged between two frames without losing one."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.predictor import Choice, Predictor
from edgevision_runtime.types import ModelSpec

if TYPE_CHECKING:
    from edgevision_runtime.noticing.reference import DriftReference


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """One variant of a bundle, with a predictor for each worker."""

    title: str  # name and version
    manifest_sha256: str  # of the bundle's manifest, which holds that of every other member
    choice: Choice
    predictors: tuple[Predictor, ...]
    space: str = ""  # fingerprint of its embeddings; empty: it gives none
    reference: DriftReference | None = None  # what its site looks like; None: nobody said

    @property
    def spec(self) -> ModelSpec:
        """What its answers mean."""
        return self.predictors[0].spec

    def close(self) -> None:
        """Free every predictor."""
        for predictor in self.predictors:
            predictor.close()


def load_model(bundle: Bundle, choice: Choice, *, workers: int = 1, threads: int = 1) -> LoadedModel:
    """Open a variant as often as there are workers. Raises what `Predictor` raises."""
    reference = _reference_of(bundle)
    with ExitStack() as opened:
        predictors = []
        for _ in range(workers):
            predictors.append(Predictor(bundle, choice, threads=threads))
            opened.callback(predictors[-1].close)
        opened.pop_all()
    title, space = f"{bundle.name} {bundle.version}", "" if bundle.embedding is None else bundle.embedding.fingerprint
    return LoadedModel(title, bundle.manifest_sha256, choice, tuple(predictors), space, reference)


def _reference_of(bundle: Bundle) -> DriftReference | None:
    """The reference for drift; who has none does not wait for what reads it."""
    if bundle.embedding is None:
        return None
    from edgevision_runtime.noticing.reference import read_reference

    return read_reference(bundle)


class ModelSlot:
    """Holds the model that answers now. A context manager; closing it frees every model it was given."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.present = loaded
        self._lock = threading.Lock()
        self._used = [loaded] * len(loaded.predictors)  # by each worker, at its latest frame

    def take(self, worker: int) -> LoadedModel:
        """The model for this worker's next frame; the one it used before is freed when it was exchanged."""
        used, present = self._used[worker], self.present
        if used is not present:
            with self._lock:
                present = self.present
                self._used[worker] = present
            used.predictors[worker].close()
        return present

    def offer(self, loaded: LoadedModel) -> None:
        """Let `loaded` answer from each worker's next frame on; any thread may call it.

        Raises:
            ValueError: it was not loaded for as many workers.
        """
        if len(loaded.predictors) != len(self._used):
            raise ValueError(f"loaded for {len(loaded.predictors)} workers, needed for {len(self._used)}")
        with self._lock:
            passed_over, self.present = self.present, loaded
            idle = [worker for worker, used in enumerate(self._used) if used is not passed_over]
        for worker in idle:  # they never came to use it
            passed_over.predictors[worker].close()

    def __enter__(self) -> ModelSlot:
        return self

    def __exit__(self, *exc: object) -> None:
        for loaded in {id(loaded): loaded for loaded in (self.present, *self._used)}.values():
            loaded.close()
