"""Reads a ZIP whose members are stored as they are: where each one lies, and nothing that is not declared twice.

Stricter than `zipfile`, and a device does not wait for that module, nor keep it: it brings the compressors along.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Container
from typing import NamedTuple

from edgevision_runtime.bundle_file import BundleFile, Content
from edgevision_runtime.errors import BundleError

MAX_MEMBERS = 10_000
STORED = 0
ENCRYPTED, UTF8 = 0x1, 0x800  # flags
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
ENTRY = struct.Struct("<4s6H3I5H2I")  # of the directory, before name, extra field and comment
END = struct.Struct("<4s4H2IH")


class Entry(NamedTuple):
    """What the directory says of one member."""

    name: str
    flags: int
    method: int
    crc: int
    stored_bytes: int
    size_bytes: int
    offset: int  # of its local header


class Extent(NamedTuple):
    """Where a member's data lies in the file."""

    start: int
    size_bytes: int


def stored_members(file: BundleFile, name: str, *, unhashed: Container[str] = ()) -> dict[str, Extent]:
    """Where every member lies; the CRC is checked of those that nobody hashes.

    Raises:
        BundleError: not a ZIP that ends where `file` ends (says so of `name`), or a member that cannot be.
    """
    entries, directory_at = _directory(file, name)
    _check_names(entries)
    position, found = 0, {}
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.method != STORED or entry.size_bytes != entry.stored_bytes:
            raise BundleError(entry.name, "compressed", expected="stored members only")
        if entry.flags & ENCRYPTED:
            raise BundleError(entry.name, "ZIP-encrypted", expected="stored members only")
        if entry.offset != position:
            raise BundleError(entry.name, f"{entry.offset - position} stray bytes before it", expected="no gaps")
        start = _start_of(entry, file)
        position = start + entry.size_bytes
        if position > directory_at:
            raise BundleError(entry.name, "truncated", expected="its whole data")
        found[entry.name] = Extent(start, entry.size_bytes)
        if entry.name in unhashed and binascii.crc32(file.read(*found[entry.name])) != entry.crc:
            raise BundleError(entry.name, "its CRC does not match", expected="the bytes that were packed")
    if position != directory_at:
        raise BundleError("bundle", "stray bytes between the members and the directory", expected="no gaps")
    return found


def _directory(file: BundleFile, name: str) -> tuple[list[Entry], int]:
    """The entries in the directory's order, and where it begins."""
    end_at = file.size_bytes - END.size
    if end_at < 0 or file.read(end_at, 4) != b"PK\5\6":
        raise _not_whole(name, "its last bytes are no end of a directory")
    _, disk, first_disk, here, count, size_bytes, offset, comment_bytes = END.unpack(file.read(end_at, END.size))
    if disk or first_disk or here != count or comment_bytes:
        raise _not_whole(name, "its directory is in parts, or has a comment")
    if count > MAX_MEMBERS:
        raise BundleError("bundle", f"{count} members", expected=f"at most {MAX_MEMBERS}")
    if offset + size_bytes != end_at:
        raise BundleError("bundle", "stray bytes between the members and the directory", expected="no gaps")
    directory, entries, position = file.read(offset, size_bytes), [], 0
    for _ in range(count):
        if position + ENTRY.size > size_bytes:
            raise _not_whole(name, "its directory ends early")
        entry, position = _entry(directory, position, name)
        entries.append(entry)
    if position != size_bytes:
        raise _not_whole(name, "its directory does not end where it says")
    return entries, offset


def _entry(directory: Content, position: int, name: str) -> tuple[Entry, int]:
    """One entry of the directory, and where the next one begins."""
    fields = ENTRY.unpack_from(directory, position)
    flags, method, crc, stored_bytes, size_bytes = fields[3], fields[4], fields[7], fields[8], fields[9]
    if fields[0] != b"PK\1\2":
        raise _not_whole(name, "an entry of its directory is none")
    start = position + ENTRY.size
    stop = start + fields[10]
    try:
        member = bytes(directory[start:stop]).decode("utf-8" if flags & UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise _not_whole(name, f"a member's name cannot be read: {error}") from error
    return Entry(member, flags, method, crc, stored_bytes, size_bytes, fields[16]), stop + fields[11] + fields[12]


def _check_names(entries: list[Entry]) -> None:
    seen: set[str] = set()
    for name in (entry.name for entry in entries):
        if name in seen:
            raise BundleError(name, "stands twice in the bundle", expected="every name once")
        seen.add(name)
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ":" in name or ".." in parts or "." in parts or "" in parts or "\0" in name:
            raise BundleError(repr(name), "an unsafe member name", expected="a relative path without '..'")


def _start_of(entry: Entry, file: BundleFile) -> int:
    """Where a member's data begins; its local header must agree with the directory."""
    member, start = entry.name.encode(), entry.offset + LOCAL_HEADER.size
    if start + len(member) > file.size_bytes:
        raise BundleError(entry.name, "truncated", expected="its whole data")
    header = file.read(entry.offset, LOCAL_HEADER.size + len(member))
    fields = LOCAL_HEADER.unpack_from(header)
    name_bytes, extra_bytes = fields[-2], fields[-1]
    if fields[0] != b"PK\3\4" or name_bytes != len(member) or header[LOCAL_HEADER.size :] != member:
        raise BundleError(entry.name, "its local header names another file", expected="the same name")
    if fields[6] != entry.crc:
        raise BundleError(entry.name, "two CRCs", expected="its local header and the directory to agree")
    return int(start + name_bytes + extra_bytes)


def _not_whole(name: str, why: str) -> BundleError:
    return BundleError(name, f"not a whole ZIP file ({why})", expected="an .evb file")
