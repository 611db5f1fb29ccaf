"""kept.csv, a line for each picture, and findings.json, everything that was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgevision.csv_file import write_csv
from edgevision.discovery.curation.curate import Curation, Verdict
from edgevision.discovery.curation.findings import REASONS
from edgevision.discovery.curation.page import write_page
from edgevision_runtime.atomic import atomic_folder, check_place, refuse_to_overwrite
from edgevision_runtime.errors import UsageError

SCHEMA = "edgevision.curation/1"
FILES = ("kept.csv", "findings.json", "report.html")
COLUMNS = ("path", "kept", "reason", "similar_to", "score")


def check_output(path: Path, *, force: bool) -> None:
    """Refuse a place that cannot be written, or a folder with anything else in it than an older curation.

    Raises:
        UsageError: it is one of those, or is there already without `force`.
    """
    refuse_to_overwrite(path, force=force)
    if path.is_dir() and (others := sorted(entry.name for entry in path.iterdir() if entry.name not in FILES)):
        raise UsageError(f"{path} holds {others[0]}, which is not of a curation", hint="choose another folder")
    check_place(path)


def write_record(path: Path, curation: Curation, following: str, *, force: bool = False) -> None:
    """Write the three files, whole or not at all; `following` is the command that makes sense now."""
    check_output(path, force=force)
    with atomic_folder(path) as folder:
        write_csv(folder / "kept.csv", COLUMNS, (_row(verdict) for verdict in curation.verdicts))
        document = json.dumps(document_of(curation, with_findings=True), indent=1, ensure_ascii=False)
        (folder / "findings.json").write_text(document + "\n", encoding="utf-8")
        write_page(folder / "report.html", curation, following)


def document_of(curation: Curation, *, with_findings: bool) -> dict[str, Any]:
    """JSON-ready: counts and limits; with all findings on demand."""
    plan = curation.plan
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "data": plan.data,
        "model": curation.backbone or None,
        "pictures": len(curation.verdicts),
        "kept": len(curation.kept),
        "reasons": {reason: {"found": found, "out": out} for reason, (found, out) in curation.counts().items()},
        "share_with_one_so_alike": {str(limit): round(share, 4) for limit, share in curation.by_limit.items()},
        "limits": {"duplicates": curation.limit, "outliers": plan.outliers, **vars(plan.quality)},
        "drop": list(plan.dropped),
    }
    if with_findings:
        document["findings"] = [
            {**vars(finding), "number": REASONS[finding.reason].number} for finding in curation.findings
        ]
    return document


def _row(verdict: Verdict) -> list[str]:
    finding = verdict.finding
    score = "" if finding is None or finding.value is None else f"{finding.value:.4g}"
    about = ("", "") if finding is None else (finding.reason, finding.similar_to)
    return [verdict.name, "yes" if verdict.is_kept else "no", *about, score]
