"""The members of a bundle that nobody has read yet: what they must be, and where they lie."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from edgevision_runtime.bundle_file import BundleFile, Content
from edgevision_runtime.errors import BundleError
from edgevision_runtime.sha256 import BLOCK_BYTES, sha256, sha256_hex


class Place(NamedTuple):
    """Where a member lies in the file, and what the manifest says of it."""

    start: int
    size_bytes: int
    sha256: str


class UnreadMembers:
    """Each one is hashed when it is taken, or when `check` comes to it. One thread takes or checks at a time."""

    def __init__(self, file: BundleFile, places: dict[str, Place]) -> None:
        self._file, self._places = file, dict(places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, member: object) -> bool:
        return member in self._places

    def take(self, member: str) -> Content:
        """Read a member, which then is no longer here. Raises BundleError when it is not what the manifest says."""
        place = self._places[member]
        content = self._file.read(place.start, place.size_bytes)
        _compare(member, sha256_hex(content), place)
        del self._places[member]
        return content

    def take_all(self) -> dict[str, Content]:
        """Read every member, in the manifest's order. Raises BundleError at the first that is not as it says."""
        return {member: self.take(member) for member in tuple(self._places)}

    def check(self, rest: Callable[[float], bool]) -> None:
        """Hash what is still here in blocks and keep none of it; `rest` is told how long each took, and True ends it.

        A file that was written into meanwhile is no evidence of what it held, and ends it too.

        Raises:
            BundleError: a member is not what the manifest says.
        """
        try:
            for member, place in tuple(self._places.items()):
                digest, stop = sha256(), place.start + place.size_bytes
                for start in range(place.start, stop, BLOCK_BYTES):
                    started_s = time.monotonic()
                    digest.update(self._file.read(start, min(BLOCK_BYTES, stop - start)))
                    if rest(time.monotonic() - started_s):
                        return
                _compare(member, digest.hexdigest(), place)
                del self._places[member]
        except BundleError:
            if not self._file.has_changed():
                raise

    def close(self) -> None:
        """Nothing will be taken or checked any more."""
        self._file.close()


def _compare(member: str, actual: str, place: Place) -> None:
    if actual != place.sha256:
        raise BundleError(member, f"sha256 {actual[:12]}…", expected=f"{place.sha256[:12]}… (tampered with?)")
