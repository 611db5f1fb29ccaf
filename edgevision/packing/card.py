"""The model card: what a bundle is for, what was measured, and what is not known (Mitchell et al. 2019)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgevision_runtime.bundle import Bundle


def model_card(bundle: Bundle, version: str, reports: Mapping[str, bytes]) -> str:
    """Markdown, from the bundle and the JSON of its evidence (member → bytes)."""
    evidence = {name: json.loads(content) for name, content in reports.items() if name.endswith(".json")}
    spec = bundle.spec
    lines = [
        f"# {bundle.name} {version}",
        "",
        f"Task: **{spec.task}** into {len(spec.labels)} classes: {', '.join(spec.labels)}.",
        "",
        "## What it reads",
        "",
        "Frames of a camera, uint8 BGR, prepared by this contract (`preprocess.json`):",
        "",
        *[f"{i}. `{json.dumps(operation.to_json())}`" for i, operation in enumerate(spec.preprocess.operations, 1)],
        "",
        "## Variants",
        "",
        "| variant | size, kB | input | output |",
        "| --- | ---: | --- | --- |",
        *[
            f"| {variant.name} | {len(bundle.read(variant.path)) / 1e3:.1f} | {variant.inputs[0].dtype} "
            f"{list(variant.inputs[0].shape)} | {variant.outputs[0].dtype} {list(variant.outputs[0].shape)} |"
            for variant in bundle.variants
        ],
        "",
        *_training(evidence.get("reports/run.json")),
        *_verification(evidence.get("reports/verify.json")),
        "## Limits",
        "",
        "- The figures hold for pictures like those it was verified on. Nothing is known of others.",
        "- Latency depends on the board: measure it there with `edgevision-runtime bench` or `edgevision bench`.",
        "",
    ]
    return "\n".join(lines)


def _training(run: Any) -> list[str]:
    if run is None:
        return ["## Training", "", "Not known: the model was not trained here.", ""]
    architecture = run.get("architecture", {})
    return [
        "## Training",
        "",
        f"- Stage: {run.get('stage')}",
        f"- Architecture: {architecture.get('name')}, width {architecture.get('width')}",
        f"- Data: {run.get('data', {}).get('source')}",
        f"- Seed: {run.get('seed')}",
        "",
    ]


def _verification(report: Any) -> list[str]:
    if report is None:
        return ["## Verification", "", "**Not verified.**", ""]
    rows = [
        f"| {check['id']} | {_number(check['value'])} | {_interval(check['ci95'])} | {check['op']} "
        f"{_number(check['limit'])} | {check['status']} |"
        for check in report["checks"]
    ]
    return [
        "## Verification",
        "",
        f"Verdict: **{report['status']}** ({report['started'][:10]}).",
        "",
        "| check | value | 95 % interval | limit | verdict |",
        "| --- | ---: | --- | --- | --- |",
        *rows,
        "",
    ]


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def _interval(bounds: Any) -> str:
    return "" if bounds is None else f"{bounds[0]:.4g} … {bounds[1]:.4g}"
