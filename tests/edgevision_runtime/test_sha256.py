"""The digests of Python's own SHA-256 are those of OpenSSL's."""

from __future__ import annotations

import hashlib
import mmap

import pytest

from edgevision_runtime.sha256 import BLOCK_BYTES, sha256_hex


@pytest.mark.parametrize("size_bytes", [0, 1, 63, 64, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_digests_are_those_that_everybody_has(size_bytes: int) -> None:
    content = (bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes]

    assert sha256_hex(content) == hashlib.sha256(content).hexdigest()


def test_pages_of_a_file_are_hashed_where_they_lie() -> None:
    with mmap.mmap(-1, 4096) as pages:
        pages.write(b"abc")

        with memoryview(pages) as view:
            digest = sha256_hex(view[:3])

    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, appendix B.1
