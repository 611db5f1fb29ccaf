"""The pytest plugin that `pip install edgevision` registers: one fixture, `parity`.

    def test_int8_keeps_up(parity):
        parity("out.evb", data="photos/", max_drop=0.01, min_agreement=0.95)

pytest loads this module in every project of the environment, so it imports nothing of edgevision until the fixture
is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def parity() -> Callable[..., Any]:
    """Hold a bundle to a gate; see `edgevision.fidelity.parity.hold` for the arguments."""

    def hold_to_gate(*arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True
        from edgevision.fidelity.parity import hold

        return hold(*arguments, **keywords)

    return hold_to_gate
