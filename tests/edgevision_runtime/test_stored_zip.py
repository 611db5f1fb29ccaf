"""In a ZIP of stored members each is found where it lies, and what `zipfile` would forgive is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from edgevision_runtime.bundle_file import BundleFile, CopiedFile, OpenedFile
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


def file_of(content: bytes, folder: Path, kind: type[BundleFile] = OpenedFile) -> BundleFile:
    (folder / "a.evb").write_bytes(content)
    return kind(folder / "a.evb")


@pytest.mark.parametrize("kind", [OpenedFile, CopiedFile])
def test_every_member_is_found_where_it_was_packed(tmp_path: Path, kind: type[BundleFile]) -> None:
    file = file_of(packed(), tmp_path, kind)

    found = stored_members(file, "a.evb", unhashed=("a.txt",))

    assert {name: bytes(file.read(*extent)) for name, extent in found.items()} == CONTENT
    file.close()


def test_a_changed_byte_is_found_in_members_that_nobody_hashes(tmp_path: Path) -> None:
    content = packed()
    content[content.index(b"first")] ^= 1
    file = file_of(content, tmp_path)

    assert file.read(*stored_members(file, "a.evb")["a.txt"]) == b"girst"
    with pytest.raises(BundleError, match=r"a\.txt: its CRC does not match"):
        stored_members(file, "a.evb", unhashed=("a.txt",))


def test_a_comment_and_a_directory_in_parts_are_refused(tmp_path: Path) -> None:
    in_parts = packed()
    struct.pack_into("<H", in_parts, len(in_parts) - 18, 1)

    for content in (packed(b"hidden"), in_parts):
        with pytest.raises(BundleError, match=r"a\.evb: not a whole ZIP file"):
            stored_members(file_of(content, tmp_path), "a.evb")


def test_a_member_that_reaches_into_the_directory_is_refused(tmp_path: Path) -> None:
    content = packed()
    last = content.rindex(b"PK\1\2")
    for offset in (20, 24):  # both sizes
        struct.pack_into("<I", content, last + offset, ENTRY.size)

    with pytest.raises(BundleError, match=r"ä\.txt: truncated"):
        stored_members(file_of(content, tmp_path), "a.evb")


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/./b", "c:/x", "a//b", "back\\..\\slash"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"")

    with pytest.raises(BundleError, match="an unsafe member name"):
        stored_members(file_of(buffer.getvalue(), tmp_path), "a.evb")
