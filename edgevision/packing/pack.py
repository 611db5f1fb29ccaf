"""Turn a draft bundle into a release: evidence, golden vectors and a model card, re-proven before it is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.data.dataset import Sample
from edgevision.packing.card import model_card
from edgevision.packing.golden_vectors import golden_vectors
from edgevision_runtime.atomic import atomic_file, check_file_place
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleChanges, rewrite_bundle
from edgevision_runtime.errors import CheckFailed, Inconclusive, UsageError
from edgevision_runtime.golden import FOLDER
from edgevision_runtime.manifest import check_name_and_version
from edgevision_runtime.report import Report, read_report
from edgevision_runtime.selftest import SelftestResult, selftest

EVIDENCE = ("verify", "bench", "blame", "calibrate")  # reports that a bundle may carry, by the command that made them


@dataclass(frozen=True)
class PackPlan:
    """What a release adds to a draft."""

    version: str | None = None  # None: as the draft
    name: str | None = None
    reports: tuple[Path, ...] = ()  # written by `--report`; a verify report is a must
    license_file: Path | None = None
    golden: int = 6
    allows_inconclusive: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        check_name_and_version(self.name, self.version)


def pack(path: Path, draft: Bundle, samples: Sequence[Sample], plan: PackPlan) -> tuple[Bundle, SelftestResult]:
    """Write a release bundle and prove it on this machine; `samples` are held-out images for the golden vectors.

    Raises:
        UsageError: a report that is missing, unreadable, or of another bundle.
        CheckFailed: the verification failed, or the new bundle does not pass its own selftest.
        Inconclusive: the verification was inconclusive and that was not allowed.
    """
    check_file_place(path, force=plan.force)
    evidence = _evidence(draft, plan)
    extra = {**evidence, **golden_vectors(draft, samples, plan.golden)}
    reports = {name: draft.read(name) for name in draft.members if name.startswith("reports/")}
    version = plan.version or draft.version
    extra["MODEL_CARD.md"] = model_card(draft, version, {**reports, **evidence}).encode()
    if plan.license_file is not None:
        extra["LICENSE"] = plan.license_file.read_bytes()
    stale = [name for name in draft.members if name.startswith(FOLDER)]
    if stale:
        raise UsageError(f"{draft.path} holds golden vectors already", expected="a draft that convert wrote")
    with atomic_file(path) as candidate:  # it gets its name when it is proven, not before
        proof = selftest(rewrite_bundle(candidate, draft, BundleChanges(plan.name, version, extra=extra), force=True))
        if not proof.has_passed:
            raise CheckFailed(f"{path} does not pass its own selftest on this machine", hint="please report this")
    return Bundle.open(path), proof


def _public(report: Report) -> bytes:
    """A report without this machine's paths and without next commands: a bundle travels."""
    document = {**report.to_json(), "next": []}
    return (json.dumps(_without_folders(document), indent=1, ensure_ascii=False) + "\n").encode()


def _without_folders(value: Any) -> Any:
    if isinstance(value, str):
        return Path(value).name if value.startswith("/") else value
    if isinstance(value, dict):
        return {key: _without_folders(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_folders(entry) for entry in value]
    return value


def _evidence(draft: Bundle, plan: PackPlan) -> dict[str, bytes]:
    """The reports as members; a verify report must be there, be of this bundle, and not say fail."""
    members = {}
    verdicts: list[Report] = []
    for file in plan.reports:
        report = read_report(file)
        if report.command not in EVIDENCE:
            raise UsageError(f"{file} is a report of {report.command}", expected=" | ".join(EVIDENCE))
        described = report.inputs.get("bundle", {}).get("sha256")
        if described != draft.sha256:
            raise UsageError(
                f"{file} is about another bundle (sha256 {str(described)[:12]}…)",
                expected=f"{draft.sha256[:12]}… ({draft.path})",
                hint="verify this bundle again",
            )
        members[f"reports/{report.command}.json"] = _public(report)
        if report.command == "verify":
            verdicts.append(report)
    if not verdicts:
        raise UsageError(
            f"{draft.path} comes without evidence", hint=f"edgevision verify {draft.path} --data … --report verify.json"
        )
    shown = {row["variant"] for row in verdicts[0].metrics.get("results", [])}
    if unproven := [variant.name for variant in draft.variants if variant.name not in shown]:
        raise UsageError(
            f"the verification says nothing of {', '.join(unproven)}",
            hint="verify on every engine, or convert again without it",
        )
    if verdicts[0].status == "inconclusive" and not plan.allows_inconclusive:
        raise Inconclusive("the verification was inconclusive", hint="verify on more images or --allow-inconclusive")
    if verdicts[0].status not in ("pass", "inconclusive"):
        raise CheckFailed(f"the verification says {verdicts[0].status}", hint="see the report; do not ship this")
    return members
