"""Re-prove a bundle on this machine: recompute its golden vectors with the engines that are installed here."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import (
    ENGINES,
    Extras,
    check_extras,
    engines_for,
    how_to_run,
    open_engine,
    require_engine,
    what_it_lacks,
)
from edgevision_runtime.errors import CheckFailed, MissingDependency, UsageError
from edgevision_runtime.fast_path import PreparedInput
from edgevision_runtime.golden import (
    GoldenVector,
    check_contract,
    matching_output,
    read_array,
    read_frame,
    read_golden,
)
from edgevision_runtime.report import Check, Finding, Report, Stopwatch
from edgevision_runtime.types import Engine, Tensor, Variant


@dataclass(frozen=True)
class ProofResult:
    """How one variant did on one engine over all golden vectors."""

    variant: str
    engine: str  # with its version
    vectors: int
    compared_with: str  # the engine and version of the record
    worst_difference: float  # largest absolute difference of any output value
    failures: tuple[str, ...]  # one line for each vector that is off


@dataclass(frozen=True)
class SelftestResult:
    """The outcome of a selftest."""

    vectors: int
    contract_failures: tuple[str, ...]
    proofs: tuple[ProofResult, ...]
    not_run: tuple[str, ...]  # variants that no installed engine runs

    @property
    def has_passed(self) -> bool:
        """Everything that could be run here is as recorded, and something could."""
        return bool(self.proofs) and not self.contract_failures and not any(proof.failures for proof in self.proofs)


def selftest(
    bundle: Bundle, *, variant: str | None = None, engine: str | None = None, extras: Extras | None = None
) -> SelftestResult:
    """Recompute the golden vectors of all variants, or of one, on all engines that are here, or on one.

    With a delegate in `extras` only engines that take one are asked. Accelerators are proven when `engine` names one.

    Raises:
        CheckFailed: the bundle holds no golden vectors.
        UsageError: there is no such variant or engine, or the one does not run the other.
        MissingDependency: the engine is not installed, or no installed engine runs any of the variants.
    """
    extras = extras or Extras()
    if engine is not None:
        require_engine(engine)
        check_extras(engine, extras)
    candidates = [bundle.variant(variant)] if variant else list(bundle.variants)
    if engine is not None and not any(ENGINES[engine].format == candidate.format for candidate in candidates):
        raise UsageError(f"engine {engine} does not run {' or '.join(candidate.name for candidate in candidates)}")
    vectors = read_golden(bundle)
    if not vectors:
        raise CheckFailed(f"{bundle.name} {bundle.version} holds no golden vectors", hint="edgevision pack adds them")
    tensors: list[Tensor] = []
    contract_failures: list[str] = []
    for vector in vectors:
        tensor, failures = check_contract(bundle, vector)
        tensors.append(tensor)
        contract_failures += [f"{vector.frame}: {failure}" for failure in failures]
    proofs, not_run = [], []
    for candidate in candidates:
        names = _engines_of(candidate, engine, extras)
        if not names:
            not_run.append(candidate.name)
        for name in names:
            with open_engine(name, bundle.read(candidate.path), extras=extras) as opened:
                proofs.append(_prove(bundle, candidate, opened, list(zip(vectors, tensors))))
    if not proofs:
        formats = sorted({candidate.format for candidate in candidates})
        raise MissingDependency(f"no installed engine runs {' or '.join(formats)}", hint=how_to_run(formats))
    return SelftestResult(len(vectors), tuple(contract_failures), tuple(proofs), tuple(not_run))


def _engines_of(variant: Variant, asked: str | None, extras: Extras) -> list[str]:
    if asked is not None:
        return [asked] if ENGINES[asked].format == variant.format else []
    return [name for name in engines_for(variant.format) if not what_it_lacks(name, extras)]


def _prove(bundle: Bundle, variant: Variant, engine: Engine, vectors: list[tuple[GoldenVector, Tensor]]) -> ProofResult:
    import numpy as np

    failures, worst, compared_with = [], 0.0, ""
    prepare = PreparedInput(bundle.spec.preprocess, engine.input)
    for vector, tensor in vectors:
        record = matching_output(vector, variant, engine.name)
        compared_with = f"{record.engine} {record.engine_version}"
        if not prepare.agrees(read_frame(bundle, vector.frame)):  # what a run does must be what the contract says
            failures.append(f"{vector.frame}: the fast path makes another tensor than the contract")
        outputs = engine.infer(tensor)
        is_same = (record.engine, record.kernels) == (engine.name, engine.kernels)
        tolerances = record.tolerances if is_same else record.other_tolerances
        for i, (output, member, allowed) in enumerate(zip(outputs, record.members, tolerances)):
            recorded = read_array(bundle, member)
            if recorded.shape != output.shape:
                failures.append(f"{vector.frame}: output {i} is {output.shape}, recorded {recorded.shape}")
                continue
            difference = float(np.abs(recorded - output).max())
            worst = max(worst, difference)
            if not difference <= allowed:
                failures.append(f"{vector.frame}: output {i} is {difference:.3g} off, at most {allowed:.3g} is allowed")
    return ProofResult(
        variant.name, f"{engine.name} {engine.version}", len(vectors), compared_with, worst, tuple(failures)
    )


def selftest_report(bundle: Bundle, result: SelftestResult, watch: Stopwatch) -> Report:
    """The report envelope of a selftest: one check for the contract, one for each variant on each engine."""
    contract = Check.judged("contract/failures", len(result.contract_failures), "==", 0)
    proofs = [
        Check.judged(f"{proof.variant}@{proof.engine.split()[0]}/failures", len(proof.failures), "==", 0)
        for proof in result.proofs
    ]
    return Report(
        "selftest",
        "pass" if result.has_passed else "fail",
        watch.started,
        watch.duration_s,
        {"bundle": {"path": str(bundle.path), "sha256": bundle.sha256}},
        (contract, *proofs),
        {"vectors": result.vectors, "proofs": [asdict(proof) for proof in result.proofs]},
        tuple(Finding("W601", f"{name} was not proven: no engine for it here") for name in result.not_run),
    )
