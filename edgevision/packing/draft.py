"""Convert a model and write the result as a draft bundle: it runs, but nothing of it is proven yet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edgevision.packing.calibration_images import CalibrationImages
from edgevision.packing.embedding import EmbeddingDraft
from edgevision.packing.source_model import SourceModel
from edgevision_converters.convert import convert
from edgevision_converters.plan import Conversion, ConvertPlan, ModelFacts
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.engines import CPU_ENGINES, ENGINES
from edgevision_runtime.manifest import check_name_and_version
from edgevision_runtime.types import Variant

# The precision that an engine should run when a bundle has several: smallest first, dynamic last because it is
# slower than float on convolutional networks.
PREFERENCE = ("int8", "float16", "float32", "int16x8", "dynamic")


@dataclass(frozen=True)
class DraftPlan:
    """Name, version and what to convert to."""

    name: str
    version: str
    formats: tuple[str, ...]
    precisions: tuple[str, ...]
    io_dtype: str
    batch: int | None  # None: dynamic
    force: bool = False

    def __post_init__(self) -> None:
        check_name_and_version(self.name, self.version)
        ConvertPlan(self.formats, self.precisions, self.io_dtype, self.batch)  # checks these before anything is read


def make_draft(
    path: Path,
    source: SourceModel,
    plan: DraftPlan,
    images: CalibrationImages,
    on_progress: Callable[[str, int, int], None],
    embedding: EmbeddingDraft | None = None,
) -> tuple[Bundle, Conversion]:
    """Convert `source`, calibrated and checked with `images`, and write a draft bundle; maybe with an embedding.

    Raises:
        ModelError: the model cannot be read or converted, or the conversion changed what it computes.
    """
    conversion = convert(source.path, _convert_plan(source, plan), images.tensors, on_progress)
    models = tuple((model.variant, model.data) for model in conversion.models)
    if embedding is not None:
        parities = {model.variant.name: vars(embedding.parity(model, images.tensors)) for model in conversion.models}
        conversion.report["embedding"] = parities
    calibration = {
        "source": Path(images.source).name,
        "split": images.split,
        "images": [Path(name).name for name in images.paths],
        **conversion.calibration,
    }
    content = BundleContent(
        name=plan.name,
        version=plan.version,
        created=source.created,
        spec=source.spec,
        models=models,
        default_variants=default_variants([variant for variant, _ in models]),
        tools=dict(conversion.report["tools"]),
        extra={
            **source.evidence,
            "reports/convert.json": _json(conversion.report),
            "reports/calibration.json": _json(calibration),
            **({} if embedding is None else embedding.members),
        },
        embedding=None if embedding is None else embedding.facts,
    )
    return write_bundle(path, content, force=plan.force), conversion


def _convert_plan(source: SourceModel, plan: DraftPlan) -> ConvertPlan:
    preprocess = source.spec.preprocess
    facts = ModelFacts(
        plan.name, source.spec.task, source.spec.labels, preprocess.to_json(), postprocess=source.spec.postprocess
    )
    normalize = preprocess.normalize
    if normalize is not None:
        mean, std = _scaled(normalize.mean, normalize.scale), _scaled(normalize.std, normalize.scale)
        facts = replace(facts, mean=mean, std=std)
    return ConvertPlan(
        formats=plan.formats,
        precisions=plan.precisions,
        io_dtype=plan.io_dtype,
        batch=plan.batch,
        input_range=input_range(preprocess),
        facts=facts,
    )


def default_variants(variants: list[Variant]) -> dict[str, str]:
    """For each engine the variant it should run."""
    defaults = {}
    for engine in CPU_ENGINES:
        fitting = [variant for variant in variants if variant.format == ENGINES[engine].format]
        if fitting:
            defaults[engine] = min(fitting, key=lambda variant: PREFERENCE.index(variant.precision)).name
    return defaults


def input_range(preprocess: Preprocess) -> tuple[float, float]:
    """The smallest and the largest value that the contract can make: known exactly, so never calibrated."""
    if preprocess.normalize is None:
        return 0.0, 255.0
    table = preprocess.normalize.table(preprocess.channels)
    return float(table.min()), float(table.max())


def _scaled(values: tuple[float, ...], scale: float) -> tuple[float, ...]:
    """Mean or std for pixel values of 0..255, as TFLite Metadata states them."""
    return tuple(value / scale for value in values)


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, default=str) + "\n").encode()
