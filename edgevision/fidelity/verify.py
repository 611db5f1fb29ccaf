"""Prove, from the raw frame, that every variant of a bundle still does what its reference does.

`observe` shows the images to every variant on every engine, `judge` turns what they said into differences with
intervals; here it becomes a verdict: pass, fail, or inconclusive with how many more images would settle it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np

from edgevision.fidelity.embedding_parity import embedder, parity
from edgevision.fidelity.gate import Result, VerifyPlan
from edgevision.fidelity.images import ImageSet
from edgevision.fidelity.judge import METRICS, Case, judge
from edgevision.fidelity.observe import Contender, Observations, Timing, observe, open_contenders
from edgevision.fidelity.statistics import Bootstrap, Ratios, ratio_interval
from edgevision.fidelity.statistics import verdict as statistical_verdict
from edgevision.reports.envelope import Check, Finding
from edgevision.reports.envelope import verdict as overall
from edgevision_runtime.bench import Advance, Skipped
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import CPU_ENGINES, ENGINES
from edgevision_runtime.errors import ModelError, UsageError


@dataclass(frozen=True)
class Verification:
    """What `verify` found."""

    metric: str  # accuracy | foreground_iou
    images: int
    results: tuple[Result, ...]  # the reference first
    skipped: tuple[Skipped, ...]
    timing: Timing
    plan: VerifyPlan
    observations: Observations = field(repr=False, compare=False)
    warnings: tuple[Finding, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """Of all results."""
        return tuple(check for result in self.results for check in result.checks)

    @property
    def status(self) -> str:
        """Fail beats inconclusive beats pass; the reference alone proves nothing."""
        return overall(self.checks) if self.checks else "inconclusive"

    @property
    def more_images(self) -> int | None:
        """How many more images would settle every check that can be settled; None: none is open, or none can be."""
        open_ends = [result.more_images for result in self.results if result.more_images is not None]
        return max(open_ends, default=None)


def verify(bundle: Bundle, images: ImageSet, plan: VerifyPlan, advance: Advance = lambda note: None) -> Verification:
    """Show `images` to every variant on every engine present, and judge each against the reference.

    Raises:
        UsageError: no image, or no contender is the plan's reference.
        DataError: an image that cannot be read, or labels that the bundle does not know.
        ModelError: no variant ran anywhere.
    """
    truth = images.truth_for(bundle.spec)
    engines = [(name, ENGINES[name].format) for name in plan.engines or CPU_ENGINES]
    with ExitStack() as stack:
        found, skipped = open_contenders(bundle.variants, bundle.read, engines, plan.threads, stack)
        reference = choose_reference(plan.reference, found, skipped)
        contenders = [reference, *(contender for contender in found if contender is not reference)]
        seen = observe(bundle.spec, contenders, images.samples, truth, advance, embedder(bundle))
    paths = [sample.image for sample in images.samples]
    results = tuple(
        _with_parity(judge(Case(bundle.spec, paths, plan, seen, contenders, row, images.is_labelled)), seen, row, plan)
        for row in range(len(contenders))
    )
    return Verification(
        metric=METRICS[bundle.spec.task],
        images=len(images.samples),
        results=results,
        skipped=tuple(skipped),
        timing=seen.timing,
        plan=plan,
        observations=seen,
        warnings=(*images.warnings_for(bundle.spec), *_warnings(bundle, results, skipped)),
    )


def _with_parity(result: Result, seen: Observations, row: int, plan: VerifyPlan) -> Result:
    """The result with what became of the embedding, and the check that holds it to a cosine where one was asked for."""
    if seen.embeddings is None or result.is_reference:
        return result
    reference, own = seen.embeddings[0], seen.embeddings[row]
    checks = result.checks
    if plan.min_embedding_cosine is not None:
        cosines = (reference * own).sum(axis=1)[:, None]
        mean = ratio_interval(Ratios(cosines, np.ones_like(cosines)), Bootstrap(plan.seed))
        status = statistical_verdict(mean, plan.min_embedding_cosine)
        limit = plan.min_embedding_cosine
        checks += (Check(f"{result.name}/embedding_cosine", mean.value, mean.ci95, limit, ">=", status),)
    return replace(result, embedding=parity(reference, own), checks=checks)


def choose_reference(wanted: str, contenders: Sequence[Contender], skipped: Sequence[Skipped]) -> Contender:
    """The contender that `wanted` names: itself, or the first of that variant or precision (TFLite before ONNX).

    Raises:
        ModelError: none ran at all.
        UsageError: none is called so.
    """
    if not contenders:
        reasons = "; ".join(f"{skip.variant} on {skip.engine}: {skip.reason}" for skip in skipped)
        raise ModelError("no variant ran on any engine", hint=reasons or "the bundle has no variant for these engines")
    order = sorted(contenders, key=lambda contender: list(ENGINES).index(contender.engine.name))
    for contender in order:
        if wanted in (contender.name, contender.variant.name, contender.variant.precision):
            return contender
    names = list(dict.fromkeys(contender.variant.name for contender in order))
    raise UsageError(
        f"no variant is the reference {wanted!r}",
        expected=" | ".join(names),
        hint=f"compare with the best that there is: --reference {names[0]}",
    )


def _warnings(bundle: Bundle, results: Sequence[Result], skipped: Sequence[Skipped]) -> list[Finding]:
    findings = []
    if len(results) == 1:
        findings.append(Finding("W301", f"only the reference {results[0].name} ran, so there was nothing to compare"))
    ran = {result.variant for result in results}
    reasons: dict[str, list[str]] = {}
    for variant in bundle.variants:
        if variant.name not in ran:
            why = [skip.reason for skip in skipped if skip.variant == variant.name]
            reason = "; ".join(why) or f"no engine for {variant.format} was asked for"
            reasons.setdefault(reason, []).append(variant.name)
    findings += [Finding("W302", f"not verified: {', '.join(names)}: {why}") for why, names in reasons.items()]
    return findings


def what_would_settle(verification: Verification) -> str:
    """What an inconclusive verification needs, in words."""
    if not verification.checks:
        return "nothing was compared with the reference: only it ran"
    if verification.more_images is None:
        return "a difference stands on the limit itself: no number of images would settle it; move the limit"
    return f"about {verification.more_images} more images would settle it"
