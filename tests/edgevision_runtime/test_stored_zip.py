"""A ZIP of stored members is read where it lies, and what `zipfile` would forgive is refused."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from edgevision_runtime.errors import BundleError
from edgevision_runtime.stored_zip import ENTRY, stored_members

CONTENT = {"a.txt": b"first", "dir/b.bin": bytes(range(256)), "ä.txt": b""}


def packed(comment: bytes = b"") -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(name, content)
        archive.comment = comment
    return bytearray(buffer.getvalue())


def test_every_member_is_a_view_of_what_was_packed() -> None:
    content = packed()

    found = stored_members(memoryview(content), "a.evb", unhashed=("a.txt",))

    assert {name: bytes(data) for name, data in found.items()} == CONTENT
    found["a.txt"][0] = ord("F")  # no copy
    assert b"First" in content


def test_a_changed_byte_is_found_in_members_that_nobody_hashes() -> None:
    content = packed()
    content[content.index(b"first")] ^= 1

    assert bytes(stored_members(memoryview(content), "a.evb")["a.txt"]) == b"girst"
    with pytest.raises(BundleError, match=r"a\.txt: its CRC does not match"):
        stored_members(memoryview(content), "a.evb", unhashed=("a.txt",))


def test_a_comment_and_a_directory_in_parts_are_refused() -> None:
    in_parts = packed()
    struct.pack_into("<H", in_parts, len(in_parts) - 18, 1)

    for content in (packed(b"hidden"), in_parts):
        with pytest.raises(BundleError, match=r"a\.evb: not a whole ZIP file"):
            stored_members(memoryview(content), "a.evb")


def test_a_member_that_reaches_into_the_directory_is_refused() -> None:
    content = packed()
    last = content.rindex(b"PK\1\2")
    for offset in (20, 24):  # both sizes
        struct.pack_into("<I", content, last + offset, ENTRY.size)

    with pytest.raises(BundleError, match=r"ä\.txt: truncated"):
        stored_members(memoryview(content), "a.evb")


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/./b", "c:/x", "a//b", "back\\..\\slash"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"")

    with pytest.raises(BundleError, match="an unsafe member name"):
        stored_members(memoryview(buffer.getvalue()), "a.evb")
