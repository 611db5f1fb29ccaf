"""Damaged bundles never crash, hang or write anything: they open unchanged in meaning, or are refused by name."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.errors import BundleError

ROUNDS = 3000


def mutate(content: bytes, generator: random.Random) -> bytes:
    """One of: flip bytes, cut a piece out, double a piece, overwrite a piece with another, put in noise."""
    mutated = bytearray(content)
    for _ in range(generator.choice([1, 1, 2, 5])):
        kind = generator.randrange(5)
        start = generator.randrange(len(mutated))
        length = generator.choice([1, 2, 4, 22, 46, 300])
        piece = bytes(mutated[start : start + length])
        other = generator.randrange(len(mutated))
        if kind == 0:
            mutated[start] ^= 1 << generator.randrange(8)
        elif kind == 1:
            del mutated[start : start + length]
        elif kind == 2:
            mutated[start:start] = piece
        elif kind == 3:
            mutated[other : other + len(piece)] = piece
        else:
            mutated[start : start + length] = generator.randbytes(length)
        if not mutated:
            return b""
    return bytes(mutated)


def read_late(path: Path) -> None:
    late = Bundle.open(path, reads_late=True)
    try:
        late.unread.check(lambda worked_s: False)
    finally:
        late.unread.close()


@pytest.mark.parametrize("focus", ["anywhere", "directory", "manifest"])
def test_mutated_bundles_are_refused_by_name_and_touch_nothing(
    packed_bundle: Bundle, tmp_path: Path, focus: str
) -> None:
    original = packed_bundle.path.read_bytes()
    manifest_at = original.index(b"manifest.json")
    low, high = {
        "anywhere": (0, len(original)),
        "directory": (original.index(b"PK\1\2"), len(original)),
        "manifest": (manifest_at, manifest_at + 6000),
    }[focus]
    generator = random.Random(f"fuzz {focus}")
    place = tmp_path / "fuzz"
    place.mkdir()
    refused, accepted = 0, 0

    for index in range(ROUNDS):
        mutated = original[:low] + mutate(original[low:high], generator) + original[high:]
        (place / "mutated.evb").write_bytes(mutated)
        try:
            opened = Bundle.open(place / "mutated.evb")
        except BundleError as error:
            refused += bool(error.member)
            if index % 5 == 0:  # and whatever is read late is refused too, by the time it was read
                with pytest.raises(BundleError):
                    read_late(place / "mutated.evb")
        else:  # ZIP fields that mean nothing to us (times, attributes) may change; what is inside may not
            accepted += 1
            assert opened.manifest == packed_bundle.manifest
            assert all(opened.read(name) == packed_bundle.read(name) for name in packed_bundle.members)

    assert [file.name for file in place.iterdir()] == ["mutated.evb"]
    assert refused + accepted == ROUNDS
    assert refused > ROUNDS * 0.6
