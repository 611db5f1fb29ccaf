"""`edgevision-runtime`: what a device does with a bundle. The workstation's `edgevision` has these verbs too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision_runtime import __version__
from edgevision_runtime.bench_command import bench
from edgevision_runtime.cli_main import SuggestingGroup, end_process, run_command, say
from edgevision_runtime.engine_options import choice_of, engine_options, extras_of
from edgevision_runtime.errors import CheckFailed
from edgevision_runtime.run_command import run

if TYPE_CHECKING:
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.selftest import SelftestResult

BUNDLE = click.argument("bundle_path", metavar="BUNDLE", type=click.Path(path_type=Path))
PUBLIC_KEY = click.option(
    "--public-key", type=click.Path(path_type=Path), help="Check the signature with this Ed25519 key (PEM)."
)
FORMAT = click.option(
    "--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True
)


@click.group(cls=SuggestingGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgevision-runtime")
def edgevision_runtime() -> None:
    """Run verified vision bundles on this device."""


@edgevision_runtime.command()
@BUNDLE
@PUBLIC_KEY
@FORMAT
def info(bundle_path: Path, public_key: Path | None, output_format: str) -> None:
    """Show what a bundle holds, after all its checks."""
    bundle = _open(bundle_path, public_key)
    document = _describe(bundle)
    if output_format == "json":
        say(json.dumps(document, indent=2))
        return
    lines = [
        f"{bundle.name} {bundle.version} · {bundle.spec.task} · {len(bundle.spec.labels)} labels",
        f"file      {bundle_path} ({bundle_path.stat().st_size / 1e6:.2f} MB)\nsha256    {bundle.sha256}",
        f"signed    {bundle.signed_by or document['signature']}",
        f"labels    {', '.join(bundle.spec.labels[:10])}{' …' if len(bundle.spec.labels) > 10 else ''}",
        f"contract  {document['contract']}",
        f"golden    {document['golden_vectors']} vectors",
    ]
    if bundle.embedding is not None:
        lines.append(f"embedding {bundle.embedding.dimension} numbers, space {bundle.embedding.fingerprint[:8]}")
    if document["drift"] is not None:
        fitted = document["drift"]
        lines.append(f"drift     reference of {fitted['frames']} frames of {fitted['source']}")
    lines.append("\nvariants")
    lines += [
        f"  {entry['name']:<18} {entry['size_bytes'] / 1e6:8.3f} MB  in {entry['input']}  out {entry['output']}"
        f"  {entry['operators']} operators"
        for entry in document["variants"]
    ]
    say("\n".join(lines))


@edgevision_runtime.command()
@BUNDLE
@PUBLIC_KEY
@FORMAT
@click.option("--variant", help="Only this variant, such as int8.tflite.")
@engine_options
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the result as JSON.")
def selftest(bundle_path: Path, public_key: Path | None, output_format: str, report: Path | None, **only: Any) -> None:
    """Recompute the bundle's golden vectors on this machine; exit 1 when anything differs."""
    from edgevision_runtime.report import Stopwatch
    from edgevision_runtime.selftest import selftest as prove
    from edgevision_runtime.selftest import selftest_report

    watch = Stopwatch()
    bundle = _open(bundle_path, public_key)
    if only["device"] is None:
        result = prove(bundle, variant=only["variant"], engine=only["engine"], extras=extras_of(only))
    else:  # the one thing that a run would take on that board
        choice = choice_of(bundle, only)
        result = prove(bundle, variant=choice.variant.name, engine=choice.engine, extras=choice.extras)
    _show_selftest(result, output_format)
    if report is not None:
        selftest_report(bundle, result, watch).write(report)
    if not result.has_passed:
        raise CheckFailed("selftest failed", hint="do not put this bundle live on this machine")


edgevision_runtime.add_command(run)
edgevision_runtime.add_command(bench)


def main() -> None:
    """Run the command line; an expected failure is one line on stderr and its exit code."""
    # nothing here uses the threads that OpenBLAS starts when numpy is imported: a third of the time to a prediction
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    end_process(run_command(edgevision_runtime, "edgevision-runtime"))


def _open(path: Path, public_key: Path | None) -> Bundle:
    from edgevision_runtime.bundle import Bundle

    return Bundle.open(path, public_key=public_key, require_signature=public_key is not None)


def _describe(bundle: Bundle) -> dict[str, Any]:
    from edgevision_runtime.golden import read_golden
    from edgevision_runtime.noticing.reference import read_reference

    reference = read_reference(bundle)
    return {
        "name": bundle.name,
        "version": bundle.version,
        "task": bundle.spec.task,
        "created": bundle.manifest.created,
        "sha256": bundle.sha256,
        "manifest_sha256": bundle.manifest_sha256,
        "signature": "present, not checked (--public-key)" if "signature.json" in bundle.members else "none",
        "signed_by": bundle.signed_by,
        "labels": list(bundle.spec.labels),
        "contract": " → ".join(operation.name for operation in bundle.spec.preprocess.operations),
        "preprocess": bundle.spec.preprocess.to_json(),
        "golden_vectors": len(read_golden(bundle)),
        "embedding": None if bundle.embedding is None else bundle.embedding._asdict(),
        "drift": None if reference is None else reference.fitted_on,
        "tools": bundle.manifest.tools,
        "default_variants": bundle.manifest.default_variants,
        "variants": [
            {
                "name": variant.name,
                "precision": variant.precision,
                "size_bytes": len(bundle.read(variant.path)),
                "input": f"{variant.inputs[0].dtype}{list(variant.inputs[0].shape)}",
                "output": f"{variant.outputs[0].dtype}{list(variant.outputs[0].shape)}",
                "operators": len(variant.operators),
            }
            for variant in bundle.variants
        ],
        "members": bundle.members,
    }


def _show_selftest(result: SelftestResult, output_format: str) -> None:
    if output_format == "json":
        from dataclasses import asdict

        say(json.dumps({"passed": result.has_passed, **asdict(result)}, indent=2))
        return
    state = "as recorded" if not result.contract_failures else "NOT as recorded"
    lines = [f"contract: {result.vectors} golden frames, input tensors {state}"]
    for proof in result.proofs:
        verdict = "FAIL" if proof.failures else "ok"
        exact = "bit for bit" if proof.worst_difference == 0 else f"within {proof.worst_difference:.3g}"
        lines.append(
            f"{verdict:<4} {proof.variant:<18} on {proof.engine:<20} {exact} (recorded on {proof.compared_with})"
        )
    lines += [f"skip {name:<18} no engine for it is installed here" for name in result.not_run]
    say("\n".join(lines))
    for line in [*result.contract_failures, *(line for proof in result.proofs for line in proof.failures)]:
        click.echo(f"     {line}", err=True)
