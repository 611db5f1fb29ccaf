"""In `make test`: a taste of `make test-arm`, one board's system with one engine."""

from __future__ import annotations

import json
from collections.abc import Callable

from edgevision.demo import DemoResult
from tests.arm.userland import Combination, Userland, combinations

PI_4 = next(one for one in combinations() if str(one) == "bookworm-arm64-litert-cortex-a72")


def test_a_bundle_proves_itself_and_runs_on_an_emulated_pi(
    opened: Callable[[Combination], Userland], walked: DemoResult
) -> None:
    pi = opened(PI_4)

    proof = pi.run(PI_4.core, "selftest", walked.bundle)
    ran = pi.run(PI_4.core, "run", walked.bundle, "--source", walked.folder / "stream", "--limit", "3", "--quiet")

    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert "input tensors as recorded" in proof.stdout
    assert [line for line in proof.stdout.splitlines() if "int8.tflite" in line and "bit for bit" in line]
    assert ran.returncode == 0, ran.stderr
    documents = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [document["frame"] for document in documents if "frame" in document] == [0, 1, 2]
