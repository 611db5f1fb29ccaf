"""Embeddings travel with their space, and two spaces never mix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgevision.discovery.embeddings import Embeddings, Space, require_same_space
from edgevision.discovery.whitening import Whitening
from edgevision_runtime.errors import DataError, UsageError


def embeddings(fingerprint: str = "abc") -> Embeddings:
    values = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    whitening = Whitening.fit(values, 3)
    names = tuple(f"clip.mp4#{index}" for index in range(6))
    return Embeddings(whitening(values), names, Space.of("a net", fingerprint, whitening), "clip.mp4", whitening)


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    written = embeddings()
    written.save(tmp_path / "emb.npz")

    read = Embeddings.load(tmp_path / "emb.npz")

    assert (read.names, read.space, read.source) == (written.names, written.space, written.source)
    assert (read.vectors == written.vectors).all()
    assert (read.whitening.kernel == written.whitening.kernel).all()


def test_an_older_file_is_kept_unless_forced(tmp_path: Path) -> None:
    embeddings().save(tmp_path / "emb.npz")

    with pytest.raises(UsageError, match="exists already"):
        embeddings().save(tmp_path / "emb.npz")
    embeddings().save(tmp_path / "emb.npz", force=True)


def test_two_spaces_are_never_compared() -> None:
    require_same_space(embeddings().space, embeddings().space)

    with pytest.raises(UsageError, match="two spaces"):
        require_same_space(embeddings("abc").space, embeddings("def").space)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04broken"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "emb.npz").write_bytes(content)

    with pytest.raises(DataError, match=r"edgevision embed"):
        Embeddings.load(tmp_path / "emb.npz")
