"""The reference for drift: what is written is read, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleChanges, rewrite_bundle
from edgevision_runtime.errors import BundleError, ModelError, UsageError
from edgevision_runtime.noticing.reference import (
    MEMBER,
    read_reference,
    read_reference_file,
    reference_from_json,
)
from tests.edgevision_runtime.noticing.sites import reference


def test_what_is_written_is_read() -> None:
    site = reference(every_s=0.5, mean=np.array([1 / 3, -2e-9]))

    read = reference_from_json(json.loads(site.to_bytes()))

    assert read.to_json() == site.to_json()
    assert read.mean.tolist() == pytest.approx([1 / 3, -2e-9], rel=1e-6)
    assert (read.window, read.every_s, read.frame_size) == (4, 0.5, (60, 40))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schema": "edgevision.drift/2"}, "not a reference for drift"),
        ({"colour": "red"}, "a reference for drift with centroids, colour"),
        ({"mean": [[1.0]]}, "mean of a reference"),
        ({"precision": [[1.0, 0.0]]}, "precision of a reference"),
        ({"centroids": [[1.0, 0.0]]}, "centroids of a reference"),
        ({"picture": [1.0, 2.0]}, "picture of a reference"),
        ({"mean": [float("nan"), 0.0]}, "mean of a reference"),
        ({"shares": [1.0, 0.0]}, "share, threshold or window of nothing"),
        ({"window": 1}, "share, threshold or window of nothing"),
        ({"thresholds": {"luma": 1.0}}, "thresholds of luma"),
        ({"frame_size": [1]}, "cannot be"),
        ({"every_s": "soon"}, "cannot be"),
        ({"precision": "text"}, "cannot be"),
    ],
)
def test_what_is_no_reference_is_refused_with_what_is_off(changed: dict[str, Any], message: str) -> None:
    document = {**reference().to_json(), **changed}

    with pytest.raises(ModelError, match=message):
        reference_from_json(document)


def test_a_bundle_brings_its_reference(embedding_bundle: Bundle, tmp_path: Path) -> None:
    site = reference(space="a" * 64)
    written = rewrite_bundle(tmp_path / "site.evb", embedding_bundle, BundleChanges(extra={MEMBER: site.to_bytes()}))

    assert read_reference(embedding_bundle) is None
    found = read_reference(written)
    assert found is not None
    assert found.fitted_on["source"] == "yard.mp4"


@pytest.mark.parametrize(
    ("content", "message"), [(b"{}", "not a reference"), (reference().to_bytes(), "of the space s; expected aaaaaaaa")]
)
def test_a_reference_of_something_else_is_an_error_of_the_bundle(
    embedding_bundle: Bundle, tmp_path: Path, content: bytes, message: str
) -> None:
    written = rewrite_bundle(tmp_path / "site.evb", embedding_bundle, BundleChanges(extra={MEMBER: content}))

    with pytest.raises(BundleError, match=message):
        read_reference(written)


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("no JSON")

    with pytest.raises(UsageError, match="cannot be read"):
        read_reference_file(tmp_path / "nothing.json")
    with pytest.raises(ModelError, match="is not JSON"):
        read_reference_file(tmp_path / "text.json")
