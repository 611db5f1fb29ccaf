"""What `verify` is asked and what it answers: the plan, and the result of one variant on one engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgevision.fidelity.embedding_parity import Parity
from edgevision.fidelity.statistics import Estimate
from edgevision.reports.envelope import Check, verdict
from edgevision_runtime.engines import require_engine
from edgevision_runtime.errors import UsageError


@dataclass(frozen=True)
class VerifyPlan:
    """What to hold the variants to."""

    reference: str = "float32"  # a precision, a variant's name, or a contender's: float32 | float32.onnx | …@litert
    max_drop: float = 0.01  # of the metric, 0..1
    min_agreement: float = 0.95  # share of images (classify) or pixels (segment) on which it says the same
    min_embedding_cosine: float | None = None  # mean over the images; None: measured, not judged
    threads: int = 1  # of each interpreter
    seed: int = 0
    engines: tuple[str, ...] | None = None  # None: all that are installed
    worst: int = 8  # how many images to name

    def __post_init__(self) -> None:
        if not 0 <= self.max_drop <= 1:
            raise UsageError(f"max drop {self.max_drop}", expected="a share in 0..1, such as 0.01 for one point")
        if not 0 <= self.min_agreement <= 1:
            raise UsageError(f"min agreement {self.min_agreement}", expected="a share in 0..1, such as 0.95")
        if self.min_embedding_cosine is not None and not 0 <= self.min_embedding_cosine <= 1:
            raise UsageError(f"min embedding cosine {self.min_embedding_cosine}", expected="0..1, such as 0.99")
        for name in self.engines or ():
            require_engine(name)


@dataclass(frozen=True)
class WorstImage:
    """An image on which a contender departs most from the reference."""

    path: Path
    agreement: float  # segment: IoU with the reference; classify: 1 - |confidence drift|, 0 for another answer
    note: str  # what the truth, the reference and the contender say


@dataclass(frozen=True)
class Result:
    """One variant on one engine, measured and judged."""

    variant: str
    precision: str
    format: str
    engine: str
    engine_version: str
    kernels: str
    size_bytes: int
    is_reference: bool
    metric: Estimate
    ms_per_image: float  # median of `Engine.infer`
    difference: Estimate | None = None  # of the metric, to the reference's
    lost: int | None = None  # classify: images that only the reference got right
    gained: int | None = None  # classify: images that only this one got right
    mcnemar_p: float | None = None
    agreement: Estimate | None = None
    iou_with_reference: Estimate | None = None  # segment: mean over images
    embedding: Parity | None = None  # with the reference's embedding; None: the bundle has none
    drift_mean: float | None = None  # classify: |score - reference's score| of the class that the reference names
    drift_p95: float | None = None
    worst: tuple[WorstImage, ...] = ()
    checks: tuple[Check, ...] = ()
    more_images: int | None = None  # how many more would settle its checks; None: settled, or never

    @property
    def name(self) -> str:
        """Such as int8.tflite@litert."""
        return f"{self.variant}@{self.engine}"

    @property
    def status(self) -> str:
        """Of its checks; the reference has none and is called so."""
        return "reference" if self.is_reference else verdict(self.checks)
