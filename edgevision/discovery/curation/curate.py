"""The checks in their order, and the verdict on each picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.curation import diverse, duplicates, outliers, suspects
from edgevision.discovery.curation.findings import DROPPED, REASONS, Finding
from edgevision.discovery.curation.likeness import Likeness, Positions, tell_apart
from edgevision.discovery.curation.looking import Look, OnProgress, look
from edgevision.discovery.curation.quality import QualityLimits, find_quality
from edgevision.discovery.embeddings import say_nothing
from edgevision.discovery.frames import FrameItem, FrameSet, check_source, open_frames
from edgevision_runtime.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors

WITHOUT_BACKBONE = "none"
OTHER_LIMITS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of which the report says what they would find
MOST_FOR_OTHER_LIMITS = 5000  # pictures


@dataclass(frozen=True)
class CuratePlan:
    """What is looked at, and where each check draws its line."""

    data: str
    model: str = "hog"  # as of open_backbone; none: the perceptual hash alone
    duplicates: float | None = None  # likeness; None: what suits the set and the backbone
    keep: int | None = None  # as many as differ most; None: all that nothing speaks against
    is_labelled: bool = False  # whether labels are judged too
    outliers: float = outliers.QUANTILE
    quality: QualityLimits = field(default_factory=QualityLimits)
    dropped: tuple[str, ...] = DROPPED  # reasons that put a picture out
    every_s: float | None = None  # between the frames of videos
    seed: int = 0
    is_linked: bool = False  # whether what is kept will be links, which frames of a video cannot be

    def __post_init__(self) -> None:
        known = [name for name in REASONS if name not in ("unreadable", "surplus")]
        for name in self.dropped:
            if name not in known:
                raise UsageError(
                    f"no reason is called {name!r}", expected=", ".join(known), hint=did_you_mean(name, known)
                )
        asked = {"--duplicates": self.duplicates, "--keep": self.keep, "--labels": self.is_labelled or None}
        if self.model == WITHOUT_BACKBONE and (needs := [flag for flag, value in asked.items() if value is not None]):
            raise UsageError(f"{needs[0]} without a backbone", hint="give --model, such as hog")


@dataclass(frozen=True)
class Verdict:
    """What becomes of one picture."""

    name: str
    is_kept: bool
    finding: Finding | None = None  # that put it out; of a kept one what there is to look at


@dataclass(frozen=True, eq=False)
class Curation:
    """All pictures with what was found."""

    plan: CuratePlan
    frames: FrameSet
    backbone: str  # its title; "" without
    verdicts: tuple[Verdict, ...]  # in the order of the pictures
    findings: tuple[Finding, ...]  # all of them; several may be of one picture
    limit: float | None  # of likeness; None: the perceptual hash decided alone
    by_limit: dict[float, float]  # limit → share of pictures with one at least so alike; {} without an embedding

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of what is kept."""
        return tuple(verdict.name for verdict in self.verdicts if verdict.is_kept)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Reason that was looked for → (pictures it holds for, pictures it put out)."""
        out = [verdict.finding.reason for verdict in self.verdicts if verdict.finding and not verdict.is_kept]
        holds = [finding.reason for finding in self.findings]
        asked = {
            "surplus": self.plan.keep is not None,
            "suspect": self.plan.is_labelled,
            "outlier": self.backbone != "",
        }
        return {reason: (holds.count(reason), out.count(reason)) for reason in REASONS if asked.get(reason, True)}


@dataclass(frozen=True)
class CurateHooks:
    """Where the work speaks."""

    log: Callable[[str], None] = lambda text: None
    warn: Callable[[str], None] = lambda text: None
    on_progress: OnProgress = say_nothing


def curate(plan: CuratePlan, hooks: CurateHooks | None = None) -> Curation:
    """Look at every picture once, then judge; nothing is written.

    Raises:
        DataError: no picture can be read, or labels are to be judged where there are none.
        UsageError: no such backbone, or frames of a video to be linked.
        MissingDependency: labels are to be judged without cleanlab.
    """
    hooks = hooks or CurateHooks()
    if plan.is_labelled:
        suspects.require_cleanlab()
    check_source(plan.data)
    backbone = None if plan.model == WITHOUT_BACKBONE else open_backbone(plan.model)
    labels = suspects.labels_of(plan.data) if plan.is_labelled else {}
    if plan.is_labelled:
        suspects.refuse_too_few(labels)
    frames = open_frames(plan.data, plan.every_s)
    if plan.is_linked:
        refuse_frames(frames.items)
    hooks.log(f"{len(frames.items)} pictures" + (f" through {backbone.title}" if backbone else ", by perceptual hash"))
    seen = look(frames, backbone, hooks.on_progress)
    checks = _Checks(plan, seen, hooks)
    checks.run(labels)
    verdicts = tuple(_verdicts([item.name for item in frames.items], checks.found, plan.dropped))
    title = "" if backbone is None else backbone.title
    return Curation(plan, frames, title, verdicts, tuple(checks.found), checks.limit, checks.by_limit)


def refuse_frames(items: Iterable[FrameItem]) -> None:
    """Raise UsageError when there are frames of videos among what is to be linked."""
    for item in items:
        if item.frame is not None:
            raise UsageError(f"{item.name} cannot be linked", expected="picture files", hint="leave out --link")


class _Checks:
    """The checks one after the other: each looks at what those before it left."""

    def __init__(self, plan: CuratePlan, seen: Look, hooks: CurateHooks) -> None:
        self.plan, self.seen, self.hooks = plan, seen, hooks
        self.names = seen.names
        self.found: list[Finding] = []
        self.limit: float | None = None
        self.by_limit: dict[float, float] = {}

    def run(self, labels: dict[str, str]) -> None:
        plan, features = self.plan, self.seen.features
        self.found += find_quality(self.seen, plan.quality)
        self._duplicates()
        if features is None:
            return
        self.found += outliers.find_outliers(features, self._left(), self.names, plan.outliers)
        if plan.is_labelled:
            self._suspects(features, labels)
        if plan.keep is not None:
            chosen, surplus = diverse.choose_diverse(features, self._left(), self.names, plan.keep)
            if len(chosen) < plan.keep:
                self.hooks.warn(f"--keep {plan.keep}: only {len(chosen)} are left to choose from")
            self.found += surplus

    def _duplicates(self) -> None:
        """Of those that are alike the one without flaws stays, then the larger, then the first."""
        flawed = {finding.name for finding in self.found}
        pixels = self.seen.sides.prod(axis=1)
        order = sorted(range(len(self.names)), key=lambda row: (self.names[row] in flawed, -int(pixels[row]), row))
        rows = np.array(order, np.int64)
        likeness = Likeness.by_hash(self.seen.thumbnails)
        if self.seen.features is not None:
            likeness = self._with_embedding(likeness, rows, self.seen.features)
        limit = duplicates.HIGHEST_LIMIT if self.limit is None else self.limit
        _, found = duplicates.find_duplicates(likeness, rows, self.names, limit)
        place = {name: number for number, name in enumerate(self.names)}
        self.found += sorted(found, key=lambda finding: place[finding.name])

    def _with_embedding(self, likeness: Likeness, rows: Positions, features: Vectors) -> Likeness:
        examples, _ = duplicates.find_duplicates(likeness, rows, self.names)
        vectors = tell_apart(features, np.sort(examples))
        if vectors is None:
            self.hooks.warn("too few different pictures to learn an embedding from: duplicates by perceptual hash only")
            return likeness
        likeness = Likeness(likeness.thumbnails, likeness.hashes, vectors)
        asked = self.plan.duplicates
        self.limit = duplicates.limit_for(likeness, examples) if asked is None else asked
        nearest = duplicates.most_alike(likeness, MOST_FOR_OTHER_LIMITS)
        self.by_limit = {limit: float((nearest >= limit).mean()) for limit in OTHER_LIMITS}
        return likeness

    def _suspects(self, features: Vectors, labels: dict[str, str]) -> None:
        rows = [row for row in self._left() if self.names[row] in labels]
        names = [self.names[row] for row in rows]
        labelled = suspects.Labelled(features[rows], names, [labels[name] for name in names])
        self.found += suspects.find_suspects(labelled, self.plan.seed, self.hooks.warn)

    def _left(self) -> Positions:
        """Positions of what nothing has put out yet."""
        out = {finding.name for finding in self.found if puts_out(finding, self.plan.dropped)}
        return np.array([row for row, name in enumerate(self.names) if name not in out], np.int64)


def puts_out(finding: Finding, dropped: Sequence[str]) -> bool:
    """Whether the picture cannot be kept for this reason."""
    return finding.reason in dropped or finding.reason in ("unreadable", "surplus")


def _verdicts(names: Iterable[str], findings: Sequence[Finding], dropped: Sequence[str]) -> Iterable[Verdict]:
    weight = list(REASONS)
    of_name: dict[str, list[Finding]] = {}
    for finding in findings:
        of_name.setdefault(finding.name, []).append(finding)
    for name in names:
        mine = sorted(of_name.get(name, []), key=lambda finding: weight.index(finding.reason))
        against = [finding for finding in mine if puts_out(finding, dropped)]
        yield Verdict(name, not against, next(iter(against or mine), None))
