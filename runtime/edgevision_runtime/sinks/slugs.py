"""Names of cameras and labels where only a few characters may stand: in topics and file names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 60


def slug(name: str) -> str:
    """ASCII letters, digits, `-` and `_` of a name, the rest as single `-`; `x` when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:LONGEST].strip("-") or "x"


class Slugs:
    """A slug of its own for each name, always the same; those that were given first keep the plain one."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._slugs: dict[str, str] = {}
        for name in names:
            self.of(name)

    def of(self, name: str) -> str:
        """`gate` for "gate", `gate-2` for another name that would be the same."""
        if name not in self._slugs:
            plain, taken = slug(name), {one.lower() for one in self._slugs.values()}
            count = 1
            while (one := plain if count == 1 else f"{plain}-{count}").lower() in taken:
                count += 1
            self._slugs[name] = one
        return self._slugs[name]
