"""Verbs that make a bundle ready to leave the workstation: `pack` and `sign`."""

from __future__ import annotations

from pathlib import Path

import click

from edgevision.cli.console import Console
from edgevision.cli.options import console_options, force_option, output_option
from edgevision_runtime.errors import UsageError


@click.command()
@click.argument("draft", type=click.Path(path_type=Path))
@output_option("The release bundle to write.")
@click.option("--data", required=True, help="Held-out images for the golden vectors: a folder or a named set.")
@click.option("--split", default=None, help="Of the data: test (default where there are splits), val, train or all.")
@click.option("--splits", type=click.Path(path_type=Path), help="splits.csv of the training run.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Evidence: the --report of verify (a must), bench, blame; repeat.",
)
@click.option("--version", "version", help="Semantic version of the release; default: the draft's.")
@click.option("--name", help="Name of the bundle; default: the draft's.")
@click.option("--license", "license_file", type=click.Path(path_type=Path, exists=True), help="Licence of the model.")
@click.option("--golden", type=click.IntRange(3, 64), default=6, show_default=True, help="How many golden vectors.")
@click.option("--allow-inconclusive", is_flag=True, help="Pack although the verification was inconclusive.")
@force_option
@console_options
def pack(
    console: Console, draft: Path, output: Path, data: str, split: str | None, splits: Path | None, **rest: object
) -> None:
    """Add evidence, golden vectors and a model card to a draft bundle."""
    from edgevision.fidelity.images import open_images
    from edgevision.packing.pack import PackPlan
    from edgevision.packing.pack import pack as pack_bundle
    from edgevision_runtime.bundle import Bundle

    if (draft / "run.json").is_file():
        raise UsageError(f"{draft} is a run directory", expected="the draft that `edgevision convert` makes of it")
    bundle = Bundle.open(draft)
    plan = PackPlan(
        version=rest["version"],  # type: ignore[arg-type]
        name=rest["name"],  # type: ignore[arg-type]
        reports=rest["reports"],  # type: ignore[arg-type]
        license_file=rest["license_file"],  # type: ignore[arg-type]
        golden=rest["golden"],  # type: ignore[arg-type]
        allows_inconclusive=bool(rest["allow_inconclusive"]),
        force=bool(rest["force"]),
    )
    images = open_images(data, split=split, splits=splits)
    if images.split == "train":
        raise UsageError("golden vectors from the training split", expected="held-out images (--split test)")
    released, proof = pack_bundle(output, bundle, images.samples, plan)
    document = {"path": str(output), "sha256": released.sha256, "name": released.name, "version": released.version}
    console.result(
        f"{released.name} {released.version}: {len(released.variants)} variants, {proof.vectors} golden vectors, "
        f"selftest passed on {len(proof.proofs)} variant-engine pairs\nsha256 {released.sha256}",
        document,
    )
    console.next_step(output, f"edgevision-runtime selftest {output}   (on the device)")


@click.command()
@click.argument("bundle_path", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--key", required=True, type=click.Path(path_type=Path), help="Ed25519 private key, PEM, unencrypted.")
@output_option("The signed bundle to write.")
@force_option
@console_options
def sign(console: Console, bundle_path: Path, key: Path, output: Path, force: bool) -> None:
    """Sign a bundle with an Ed25519 key (make one: openssl genpkey -algorithm ed25519 -out key.pem)."""
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.bundle_writer import sign_bundle

    signed = sign_bundle(output, Bundle.open(bundle_path), key, force=force)
    console.result(f"{signed.name} {signed.version} signed\nsha256 {signed.sha256}", {"sha256": signed.sha256})
    console.next_step(output, f"edgevision info {output} --public-key key.pub.pem")
