"""The verb `convert`: a run directory or a foreign model becomes a draft bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Advance, Console, table
from edgevision.cli.foreign import output_options, statement_of, statement_options
from edgevision.cli.options import (
    console_options,
    force_option,
    output_option,
    parse_names,
    report_option,
    seed_option,
)
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.packing.calibration_images import CalibrationImages
    from edgevision.packing.embedding import EmbeddingDraft
    from edgevision.packing.source_model import SourceModel
    from edgevision_converters.plan import Conversion
    from edgevision_runtime.bundle import Bundle

CALIBRATED = ("int8", "int16x8")
NEAR = 0.99  # cosine to the float embedding, from which on they may be mixed without a thought
FEW_IMAGES = 30  # a choice: fewer show too little of what a camera will see


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@output_option("The bundle to write, such as out.evb.")
@click.option("--to", "formats", default="tflite,onnx", show_default=True, help="tflite, onnx.")
@click.option(
    "--precision",
    "precisions",
    default="float32,int8",
    show_default=True,
    help="float32, float16, int8, dynamic, int16x8.",
)
@click.option("--calib", help="Images to calibrate with: a folder or a named set. A run brings its own training split.")
@click.option("--samples", type=click.IntRange(1), default=200, show_default=True, help="How many of them.")
@click.option(
    "--io-dtype",
    type=click.Choice(["float32", "int8", "uint8"]),
    default="int8",
    show_default=True,
    help="Input and output of int8 .tflite files.",
)
@click.option("--batch", type=click.Choice(["1", "dynamic"]), default="1", show_default=True)
@click.option("--with-embedding", is_flag=True, help="Frames get an embedding too: a second output. Of runs only.")
@click.option("--name", help="Name of the bundle; default: that of the run or file.")
@click.option("--version", "version", default="0.1.0", show_default=True, help="Semantic version of the bundle.")
@statement_options
@output_options
@seed_option
@report_option
@force_option
@console_options
def convert(console: Console, source: Path, output: Path, force: bool, report: Path | None, **options: Any) -> None:
    """Convert a run directory or a model (.keras, .h5, SavedModel, .tflite, .onnx) into a bundle."""
    from edgevision.packing.draft import DraftPlan, make_draft
    from edgevision.packing.source_model import open_source_model
    from edgevision.reports.envelope import Stopwatch
    from edgevision_runtime.atomic import check_file_place

    watch = Stopwatch()
    check_file_place(output, force=force)
    plan = DraftPlan(
        name=options["name"] or bundle_name(source),
        version=options["version"],
        formats=parse_names(options["formats"]),
        precisions=parse_names(options["precisions"]),
        io_dtype=options["io_dtype"],
        batch=None if options["batch"] == "dynamic" else 1,
        force=force,
    )
    model = open_source_model(source, statement_of(options))
    _check_has_head(source, model, options["with_embedding"])
    images = _images(console, model, plan.precisions, options)
    with (
        _second_output(source, model, images, options["with_embedding"]) as (extended, embedding),
        _progress(console) as on_progress,
    ):
        bundle, conversion = make_draft(output, extended, plan, images, on_progress, embedding)
    _show(console, bundle, conversion)
    if report is not None:
        _envelope(watch, source, bundle, conversion).write(report)
    data = model.data or "DATA"  # not the images that it was calibrated with
    splits = f" --splits {model.splits}" if model.splits else ""
    console.next_step(output, f"edgevision verify {output} --data {data}{splits} --report verify.json")


def bundle_name(source: Path) -> str:
    """A bundle name from a file name: lower case, other characters as dashes."""
    kept = "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "-" for c in source.resolve().stem.lower())
    return kept.strip("._-")[:63] or "model"


def _check_has_head(source: Path, model: SourceModel, wants_embedding: bool) -> None:
    """Only a run can be given a second output, and a run that learned without labels has no first one."""
    if wants_embedding and model.is_foreign:
        raise UsageError(f"--with-embedding of {source}", expected="a run directory, whose layers are known")
    if model.spec.task == "embed" and not wants_embedding:
        raise UsageError(
            f"{source} learned without labels and has no head",
            expected="--with-embedding, for frames that are told apart without names",
            hint=f"or learn names on top of it: edgevision train DATA --weights {source} -o runs/NAME",
        )


def _second_output(
    source: Path, model: SourceModel, images: CalibrationImages, is_wanted: bool
) -> AbstractContextManager[tuple[SourceModel, EmbeddingDraft | None]]:
    """The source as it is, or with an embedding beside its head."""
    if not is_wanted:
        return nullcontext((model, None))
    from edgevision.discovery.second_output import with_embedding

    return with_embedding(model, source, images.tensors)


def _images(
    console: Console, model: SourceModel, precisions: tuple[str, ...], options: dict[str, Any]
) -> CalibrationImages:
    """The calibration images: of --calib, or of a run's own training split; never silently something else."""
    from edgevision.packing.calibration_images import calibration_images, noise_images

    source = options["calib"] or model.data
    calibrated = [name for name in precisions if name in CALIBRATED]
    if source is None:
        if calibrated and not model.is_quantized():
            raise UsageError(
                f"{calibrated[0]} needs images to learn its ranges from",
                hint="--calib DATA: a folder of a hundred or more pictures like the real ones",
            )
        console.warn("no --calib: float agreement is checked on random noise, not on real images")
        return noise_images(model.spec.preprocess, count=8, seed=options["seed"])
    splits = None if options["calib"] else model.splits
    images = calibration_images(
        source, model.spec.preprocess, count=options["samples"], seed=options["seed"], splits=splits
    )
    console.log(f"calibrating with {len(images.tensors)} images of {source} (split: {images.split})")
    if images.left_out:
        console.warn(f"left out of {source}: {len(images.left_out)}, the first is {images.left_out[0]}")
    if calibrated and len(images.tensors) < FEW_IMAGES:
        console.warn(
            f"{len(images.tensors)} images are few for {calibrated[0]} to learn its ranges from (a hundred is good)"
        )
    return images


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A line for each new step; a bar with time left for a step that counts."""
    with ExitStack() as open_bar:
        bars: dict[str, Advance] = {}

        def on_progress(label: str, done: int, total: int) -> None:
            if label not in bars:
                open_bar.close()  # of the step before
                if total > 1:
                    bars[label] = open_bar.enter_context(console.progress(total, label))
                else:
                    bars[label] = lambda note: None
                    console.log(f"{label} …")
            if done:
                bars[label]("")

        yield on_progress


def _show(console: Console, bundle: Bundle, conversion: Conversion) -> None:
    rows, documents = [], []
    embedded = conversion.report.get("embedding", {})
    for model in conversion.models:
        variant = model.variant
        difference = conversion.reference_difference.get(variant.name)
        shown = "" if difference is None else f"{difference:.2g}"
        parity = embedded.get(variant.name)
        near = [] if parity is None else [f"{parity['cosine_mean']:.4f}"]
        size = f"{len(model.data) / 1e3:.1f}"
        rows.append([variant.name, size, variant.inputs[0].dtype, shown, len(variant.operators), *near])
        document = {"variant": variant.name, "size_bytes": len(model.data), "difference": difference}
        documents.append(document if parity is None else {**document, "embedding": parity})
        if parity is not None and parity["cosine_mean"] < NEAR:
            console.warn(
                f"{variant.name}: embeddings are only near the float ones (cosine {near[0]}): see docs/drift.md"
            )
        for note in model.notes:
            console.log(f"{variant.name}: {note}")
    for skipped in conversion.skipped:
        console.warn(f"{skipped.format} {skipped.precision} was not made: {skipped.reason}")
    headers = ["variant", "kB", "input", "max |Δ| to source", "operators", *(["embedding cosine"] if embedded else [])]
    console.result(
        table(headers, rows, right=(1, 3, 4, 5)),
        {"path": str(bundle.path), "sha256": bundle.sha256, "variants": documents},
    )


def _envelope(watch: Any, source: Path, bundle: Bundle, conversion: Conversion) -> Any:
    from edgevision.reports.envelope import Report, file_input

    return Report(
        command="convert",
        status="pass",
        started=watch.started,
        duration_s=watch.duration_s,
        inputs={"source": file_input(source)},
        metrics={"bundle": {"path": str(bundle.path), "sha256": bundle.sha256}, **conversion.report},
        next=(f"edgevision verify {bundle.path} --data DATA --report verify.json",),
    )
