"""Hold a bundle to a gate from a test suite: what the `parity` fixture of the pytest plugin calls."""

from __future__ import annotations

import warnings
from pathlib import Path

from edgevision.fidelity.gate import VerifyPlan
from edgevision.fidelity.images import open_images
from edgevision.fidelity.present import verify_text
from edgevision.fidelity.verify import Verification, verify
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.errors import UsageError


def hold(
    bundle: str | Path,
    data: str | Path,
    *,
    split: str | None = None,
    splits: str | Path | None = None,
    inconclusive: str = "fail",
    **gate: object,
) -> Verification:
    """Verify a bundle and fail the test unless every variant passes.

    `gate` takes the fields of `VerifyPlan`: reference, max_drop, min_agreement, threads, seed, engines.
    `inconclusive`: fail | warn | pass, for too few images to say.

    Raises:
        AssertionError: a variant fails, or too few images were given; the message is the table of `edgevision verify`.
        UsageError: an argument that cannot be.
    """
    __tracebackhide__ = True
    if inconclusive not in ("fail", "warn", "pass"):
        raise UsageError(f"inconclusive={inconclusive!r}", expected="fail | warn | pass")
    unknown = sorted(set(gate) - set(VerifyPlan.__dataclass_fields__))
    if unknown:
        raise UsageError(f"parity has no argument {unknown[0]!r}", expected=" | ".join(VerifyPlan.__dataclass_fields__))
    images = open_images(str(data), split=split, splits=Path(splits) if splits is not None else None)
    found = verify(Bundle.open(bundle), images, VerifyPlan(**gate))  # type: ignore[arg-type]
    if found.status == "fail" or (found.status == "inconclusive" and inconclusive == "fail"):
        raise AssertionError(f"{bundle} does not keep up with {found.results[0].name}\n{verify_text(found)}")
    if found.status == "inconclusive" and inconclusive == "warn":
        warnings.warn(f"{bundle}: parity is inconclusive\n{verify_text(found)}", stacklevel=3)
    return found
