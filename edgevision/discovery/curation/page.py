"""report.html: what was found, reason by reason, with the pictures beside what they resemble."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgevision.discovery.curation.curate import WITHOUT_BACKBONE, Curation
from edgevision.discovery.curation.findings import REASONS, Finding, short
from edgevision.reports.html import Gallery, KeyFigure, Page, Picture, Section, Table, write_html
from edgevision.reports.pictures import thumbnail
from edgevision.reports.wording import percent

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

MOST_SHOWN = 12  # pictures of a reason
SIDE = 150  # pixels of one picture
GAP = 6
PAPER = 236  # gray around pictures that are not square
STORIES = {
    "unreadable": "Cut off, empty or no pictures: training would skip them or stop at them.",
    "small": "The shorter side is small against the rest of the set.",
    "dark": "Not even the brightest hundredth of the pixels reaches the limit (luma, 0 to 255).",
    "bright": "Not even the darkest hundredth of the pixels stays below the limit (luma, 0 to 255).",
    "flat": "From the darkest to the brightest hundredth there are few steps of luma: nothing to tell apart.",
    "blurred": "Sharpness is the variance of the Laplacian over that of the luma. The limit follows from this set: so "
    "far below its median that a picture is an exception.",
    "duplicate": "Left what is out, right the picture that stays for it. First the most alike, then those nearest to "
    "the limit: if these still are the same, lower `--duplicates`; if they are not, raise it.",
    "surplus": "Left what is out, right the kept picture nearest to it; first those that the kept ones cover worst.",
    "suspect": "Left the picture, in the middle the nearest one with the same label, right the nearest one of the "
    "label that it looks like. Doubtful ones are not put out: look, and move them yourself.",
    "outlier": "Left the picture, right the one nearest to it. Far from all others: a fault, a mistake, or the rarest "
    "and most valuable picture of the set. They are not put out unless you say so.",
}


def write_page(path: Path, curation: Curation, following: str) -> None:
    """Write the page; `following` is the command that makes sense now."""
    by_reason = {reason: _shown(reason, curation) for reason, (found, _) in curation.counts().items() if found}
    small = _small_pictures(curation, [finding for shown in by_reason.values() for finding in shown])
    sections = [_summary(curation)]
    for reason, shown in by_reason.items():
        sections.append(_section(curation, reason, shown, small))
    sections.append(Section("Next", commands=following))
    kept = f"{len(curation.kept)} of {len(curation.verdicts)} pictures kept"
    write_html(path, Page(f"Curation of {curation.plan.data}", kept, sections))


def command_after(curation: Curation, copied: Path) -> str:
    """What to do with a folder of what is kept."""
    plan = curation.plan
    if plan.is_labelled:
        return f"edgevision train {copied} -o runs/NAME"
    model = "" if plan.model == WITHOUT_BACKBONE else f" --model {plan.model}"
    return f"edgevision cluster {copied}{model} -o clusters/"


def rows_of(curation: Curation) -> list[tuple[str, str, str, str]]:
    """(reason, pictures found, pictures put out, number and limit) of each reason that was looked for."""
    limits = {finding.reason: finding.limit for finding in curation.findings if finding.limit is not None}
    several = {"unreadable": "", "suspect": "that of the other label's own pictures"}
    if curation.limit is None:
        several["duplicate"] = "by perceptual hash"
    else:
        limits["duplicate"] = curation.limit
    rows = []
    for reason, (found, out) in curation.counts().items():
        facts = REASONS[reason]
        limit = several[reason] if reason in several else short(limits[reason]) if reason in limits else ""
        number = f"{facts.number} {facts.op} {limit}" if limit else ""
        rows.append((facts.title, str(found), str(out), number))
    return rows


def _summary(curation: Curation) -> Section:
    count, kept = len(curation.verdicts), len(curation.kept)
    tiles = [
        KeyFigure("Looked at", str(count), curation.backbone or "perceptual hash, no backbone"),
        KeyFigure("Kept", str(kept), percent(kept / count)),
        KeyFigure("Out", str(count - kept), "named in kept.csv, nothing is deleted"),
    ]
    text = "Several reasons may hold for one picture; the first of them, in this order, puts it out."
    table = Table(("Reason", "Found", "Put out", "Number and limit"), rows_of(curation), right=(1, 2))
    return Section("What was found", text, tiles, table=table)


def _section(curation: Curation, reason: str, shown: Sequence[Finding], small: dict[str, Image]) -> Section:
    found, _ = curation.counts()[reason]
    title = REASONS[reason].title
    title = f"{title[0].upper()}{title[1:]}: {found}"
    if reason == "unreadable":
        rows = [(finding.name, finding.detail) for finding in shown]
        return Section(title, STORIES[reason], table=Table(("Picture", "Problem"), rows))
    columns = 2 if reason == "suspect" else 3 if shown[0].similar_to else 6
    left = f"{len(shown)} of {found} are shown; findings.json has all." if found > len(shown) else ""
    gallery = Gallery([_strip(finding, small) for finding in shown], left, columns)
    table = _other_limits(curation) if reason == "duplicate" and curation.by_limit else None
    return Section(title, STORIES[reason], table=table, gallery=gallery)


def _other_limits(curation: Curation) -> Table:
    shares = [percent(share) for share in curation.by_limit.values()]
    headers = ("Likeness", *(f"≥ {limit}" for limit in curation.by_limit))
    caption = f"What other limits would find; the limit is {short(curation.limit or 0.0)}."
    return Table(headers, [("pictures with one so alike", *shares)], range(1, len(headers)), caption)


def _shown(reason: str, curation: Curation) -> list[Finding]:
    """Those that show most of a reason: the clearest ones, of duplicates also those nearest to the limit.

    Pictures that are out for another reason are shown there, unless there are no others.
    """
    decided = {verdict.finding for verdict in curation.verdicts}
    everything = [finding for finding in curation.findings if finding.reason == reason]
    mine = [finding for finding in everything if finding in decided] or everything
    if reason in ("outlier", "suspect", "unreadable"):
        return mine[:MOST_SHOWN]
    is_low = REASONS[reason].op == "<" or reason == "surplus"
    ordered = sorted(mine, key=lambda finding: finding.value or 0.0, reverse=not is_low)
    if reason != "duplicate" or len(ordered) <= MOST_SHOWN:
        return ordered[:MOST_SHOWN]
    return ordered[: MOST_SHOWN // 2] + ordered[-MOST_SHOWN // 2 :]


def _small_pictures(curation: Curation, findings: Sequence[Finding]) -> dict[str, Image]:
    """Name → picture in a square, of all that the page shows, decoded in one pass."""
    wanted = {name for one in findings for name in (one.name, one.similar_to, one.beside) if name}
    items = [item for item in curation.frames.items if item.name in wanted]
    return {item.name: _square(image) for item, image in curation.frames.images(items)}


def _square(image: Image) -> Image:
    """The whole picture in the middle of a square, uint8 (150, 150, 3) BGR."""
    height, width = image.shape[:2]
    factor = SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    fitted = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    square = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = fitted
    return square


def _strip(finding: Finding, small: dict[str, Image]) -> Picture:
    shown = [small[name] for name in (finding.name, finding.beside, finding.similar_to) if name]
    parted = [np.pad(one, ((0, 0), (0, GAP), (0, 0)), constant_values=255) for one in shown[:-1]]
    strip = np.hstack([*parted, shown[-1]])
    like = f"\nlike {finding.similar_to}" if finding.similar_to else ""
    return Picture(thumbnail(strip, max(strip.shape[:2])), f"{finding.name}{like}\n{finding.describe()}")
