"""From the folder that a demo wrote to the story that its page tells."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.fidelity.judge import METRIC_NAMES
from edgevision.reports.compression_report import CompressionStory, LedgerRow
from edgevision.reports.demo_report import DemoStory
from edgevision.reports.html import KeyFigure, Picture, Step
from edgevision.reports.pictures import overlay, thumbnail
from edgevision.reports.stories import as_seen, facts_of
from edgevision.reports.training_report import MaskedImage, TrainingStory, read_history
from edgevision.reports.verify_report import VariantResult, VerifyStory
from edgevision.reports.wording import milliseconds, percent, percent_interval, points, size
from edgevision.runs import RunDirectory

if TYPE_CHECKING:
    from edgevision.demo import DemoResult, VariantRow
    from edgevision_runtime.predictor import Predictor

EXAMPLES, FRAMES, MASKS = 8, 8, 4
METRICS = {"classify": "macro F1", "segment": "mean IoU"}


def demo_story(result: DemoResult, commands: Sequence[str]) -> DemoStory:
    """The story of a finished demo; `commands` do the same with one's own images."""
    from edgevision.data.datasets import NAMED
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.predictor import Predictor, choose

    named = NAMED.get(result.recipe.data)
    bundle = Bundle.open(result.bundle)
    choice = choose(bundle)
    with Predictor(bundle, choice) as predictor:
        frames = _frames(result.folder / "stream", predictor)
        masks = _masks(result, predictor)
    verify = _verify(result)
    return DemoStory(
        data=f"{named.name}, {named.description}; {named.licence}" if named else result.recipe.data,
        steps=[_step(result, verb, seconds) for verb, seconds in _durations(result).items()],
        training=_training(result),
        verify=verify,
        key_figures=_key_figures(result),
        commands="\n".join(commands),
        conclusion=f"Everything on this page was made on this machine in "
        f"{sum(step.seconds for step in result.steps):.0f} seconds. {verify.conclusion}",
        examples=_examples(result.folder / "stream"),
        compressions=[_compression(result.folder / name) for name in ("pruned", "quantized")],
        live_text=f"The packed bundle on the runtime: `{choice.variant.name}` on {choice.engine}, one thread. The "
        f"whole stream is in `stream.mp4`, one JSON line per frame in `stream.jsonl`.",
        live_frames=frames,
        live_masks=masks,
        live_labels=bundle.spec.labels,
    )


def _durations(result: DemoResult) -> dict[str, float]:
    """Verb → seconds, in the order in which they ran."""
    durations: dict[str, float] = {}
    for step in result.steps:
        durations[step.verb] = durations.get(step.verb, 0.0) + step.seconds
    return durations


def _step(result: DemoResult, verb: str, seconds: float) -> Step:
    status = {"verify": result.verdict, "selftest": "pass"}.get(verb, "")
    return Step(verb.capitalize(), f"{seconds:.0f} s" if seconds >= 1 else "under a second", status)


def _key_figures(result: DemoResult) -> list[KeyFigure]:
    """The reference, and the smallest variant on the fastest engine beside it."""
    reference = next(row for row in result.rows if row.agreement is None)
    smallest = _smallest(result)
    metric = METRIC_NAMES[result.metric]
    metric = metric[0].upper() + metric[1:]
    figures = [
        KeyFigure(f"{metric}, {reference.name}", percent(reference.metric), percent_interval(reference.metric_ci95)),
        KeyFigure(f"{metric}, {smallest.name}", percent(smallest.metric), percent_interval(smallest.metric_ci95)),
    ]
    if smallest.agreement is not None:
        figures.append(KeyFigure("Says the same as float", percent(smallest.agreement), smallest.name))
    share = smallest.size_bytes / reference.size_bytes
    return [
        *figures,
        KeyFigure("Size", size(smallest.size_bytes), f"{share:.2f} × float"),
        KeyFigure("Frame to answer", milliseconds(smallest.latency_ms), f"{smallest.fps:,.0f} frames per second"),
    ]


def _smallest(result: DemoResult) -> VariantRow:
    return min(result.rows, key=lambda row: (row.size_bytes, row.latency_ms))


def _training(result: DemoResult) -> TrainingStory:
    run = RunDirectory.open(result.folder / "learned")
    splits = result.trained_metrics["splits"]
    return TrainingStory(
        name="learned",
        task=run.spec.task,
        labels=run.spec.labels,
        facts=facts_of(run.record, run.spec),
        history=read_history(run.path / "history.csv", METRICS[run.spec.task]),
        metrics=splits.get("test", splits.get("val")),
        split_counts=_split_counts(run),
    )


def _split_counts(run: RunDirectory) -> dict[str, dict[str, int]]:
    """Split → label → images, as splits.csv says; masks have no label."""
    counts: dict[str, dict[str, int]] = {name: {} for name in ("train", "val", "test")}
    with run.splits_path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            label = row["label"] or "images"
            counts[row["split"]][label] = counts[row["split"]].get(label, 0) + 1
    return counts


def _compression(folder: Path) -> CompressionStory:
    run = RunDirectory.open(folder)
    told = run.metrics()["compression"]
    return CompressionStory(
        name=folder.name,
        parent=str(run.record.get("parent", "")),
        method=told["method"],
        ledger=_ledger(told),
        conclusion=told["conclusion"],
        layer_sparsity=told["layer_sparsity"] if run.stage == "pruned" else {},
        history=read_history(folder / "history.csv", METRICS[run.spec.task]),
        untouched=tuple(told["untouched"].items()),
    )


def _ledger(told: Mapping[str, Any]) -> list[LedgerRow]:
    metric, latency_ms = told["metric"], told["latency_ms"]
    before, after = metric["before"], metric["after"]
    rows = [LedgerRow(f"{metric['name']} ({metric['split']})", percent(before), percent(after), points(after - before))]
    for kind, sizes in told["size"].items():
        for suffix, key in (("", "plain_bytes"), (", gzipped", "gzip_bytes")):
            old, new = sizes["before"][key], sizes["after"][key]
            change = f"{new / old - 1:+.0%}".replace("-", "−")
            rows.append(LedgerRow(f"{kind}{suffix}", size(old), size(new), change))
    old_ms, new_ms = latency_ms["before"], latency_ms["after"]
    change = f"{old_ms / new_ms:.2f}×" if latency_ms["is_faster"] else "no gain"
    return [*rows, LedgerRow("latency", milliseconds(old_ms), milliseconds(new_ms), change)]


def _verify(result: DemoResult) -> VerifyStory:
    document = json.loads((result.folder / "verify.json").read_text(encoding="utf-8"))
    metrics = document["metrics"]
    measured = {(row.name, row.engine): row for row in result.rows}
    conclusion = {
        "pass": "Every variant is within the limits with 95 % confidence.",
        "inconclusive": "No loss beyond the limit was seen, but the test split is too small to prove that there is none"
        + (f"; about {result.more_images:,} more images would settle it." if result.more_images else "."),
    }.get(result.verdict, f"The verification says {result.verdict}.")
    return VerifyStory(
        bundle=result.bundle.name,
        metric=METRIC_NAMES[metrics["metric"]],
        images=metrics["images"],
        variants=[_variant(row, measured[row["variant"], row["engine"]]) for row in metrics["results"]],
        status=result.verdict,
        conclusion=conclusion,
        max_drop=metrics["max_drop"],
        min_agreement=metrics["min_agreement"],
        skipped=[(f"{skip['variant']} on {skip['engine']}", skip["reason"]) for skip in metrics["skipped"]],
        worst=_worst(metrics["results"]),
    )


def _variant(row: Mapping[str, Any], measured: VariantRow) -> VariantResult:
    difference, agreement = row["difference"], row["agreement"]
    return VariantResult(
        name=row["variant"],
        engine=row["engine"],
        size_bytes=row["size_bytes"],
        metric=row["metric"]["value"],
        metric_ci95=_interval(row["metric"]),
        difference=None if difference is None else difference["value"],
        difference_ci95=None if difference is None else _interval(difference),
        agreement=None if agreement is None else agreement["value"],
        agreement_ci95=None if agreement is None else _interval(agreement),
        latency_ms=measured.latency_ms,
        fps=measured.fps,
        status="" if row["is_reference"] else row["status"],
    )


def _interval(estimate: Mapping[str, Any]) -> tuple[float, float] | None:
    """None where an end is not known, which JSON writes as null."""
    low, high = estimate["ci95"]
    return None if low is None or high is None else (low, high)


def _worst(results: Sequence[Mapping[str, Any]]) -> list[Picture]:
    from edgevision.data.images import read_image

    shown: dict[str, Picture] = {}
    for row in results:
        for image in row["worst"]:
            if image["path"] not in shown and Path(image["path"]).is_file():
                caption = f"{row['variant']} on {row['engine']}\n{image['note']}"
                shown[image["path"]] = Picture(thumbnail(read_image(Path(image["path"]))), caption)
    return list(shown.values())[:EXAMPLES]


def _examples(stream: Path) -> list[Picture]:
    from edgevision.data.images import read_image

    paths = sorted(stream.iterdir())
    return [Picture(thumbnail(read_image(path))) for path in paths[:: max(1, len(paths) // EXAMPLES)]]


def _frames(stream: Path, predictor: Predictor) -> list[Picture]:
    """The first frames of the stream with what the packed model says of them."""
    from edgevision_runtime.annotate import describe
    from edgevision_runtime.cameras import open_camera
    from edgevision_runtime.types import Segmentation

    shown = []
    with open_camera(str(stream)) as camera:
        for frame in islice(camera, FRAMES):
            prediction = predictor.predict(frame)
            image = frame.image
            if isinstance(prediction, Segmentation):
                image = overlay(image, predictor.spec.preprocess.place_mask(prediction.mask, *image.shape[:2]))
            shown.append(Picture(thumbnail(image), f"{describe(prediction)}\n{prediction.latency_ms:.2f} ms"))
    return shown


def _masks(result: DemoResult, predictor: Predictor) -> list[MaskedImage]:
    """Test images with the true mask and that of the packed model; none for a classifier."""
    from edgevision.data.dataset import open_dataset
    from edgevision.data.splits import read_splits

    spec = predictor.spec
    if spec.task != "segment":
        return []
    dataset = read_splits(result.folder / "learned" / "splits.csv", open_dataset(result.recipe.data))
    shown = []
    for sample in dataset.of_split("test")[:MASKS]:
        frame = sample.read_image()
        outputs = predictor.engine.infer(spec.preprocess(frame))
        truth = spec.preprocess.to_mask(sample.read_mask(dataset.labels))
        said = spec.postprocess.mask(outputs)
        shown.append(MaskedImage(as_seen(spec, frame), truth, said, sample.image.name))
    return shown
