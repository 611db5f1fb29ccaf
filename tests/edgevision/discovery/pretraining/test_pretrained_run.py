"""What goes on from a run of `pretrain`: learning does; whatever needs labels says what to do instead, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgevision.cli import edgevision
from edgevision_runtime.errors import UsageError


@pytest.mark.parametrize("verb", ["prune", "quantize"])
def test_verbs_that_need_labels_say_what_makes_them(verb: str, digits_run: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"

    done = CliRunner().invoke(edgevision, [verb, str(digits_run), "-o", str(output)])

    assert isinstance(done.exception, UsageError), done.output
    message = str(done.exception)
    assert "learned without labels" in message
    assert f"edgevision train DATA --weights {digits_run}" in message
    assert "edgevision label" in message
    assert "\n" not in message
    assert not output.exists()
