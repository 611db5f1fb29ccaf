"""What may be a name, and names.csv: a row for each cluster, which a person fills in on the page or by hand."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from edgevision_runtime.errors import DataError, UsageError

UNNAMED = ""
REJECTED = "-"  # in the place of a name: leave these pictures out
COLUMNS = ("cluster", "size", "name")
LONGEST = 60  # characters
FIRST = "-=/?."  # a name does not begin with these: keys of the page, and hidden folders
NOWHERE = '/\\:*?"<>|'  # a name is a folder of the data set, also on other systems
TAKEN = frozenset({"images", "masks", "__macosx"})  # folders that mean something else in a data set


class Row(NamedTuple):
    """A row of names.csv."""

    cluster: int
    size: int
    name: str


def check_name(text: str) -> str:
    """The name as it is kept: without blanks around it, composed characters; empty and `-` stand for themselves.

    Raises:
        UsageError: it cannot be the name of a class and of its folder.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if name in (UNNAMED, REJECTED):
        return name
    problem = _problem(name)
    if problem:
        raise UsageError(f"{name!r} cannot be a name: {problem}", expected="a word or two, such as `delivery van`")
    return name


def _problem(name: str) -> str:
    if len(name) > LONGEST:
        return f"more than {LONGEST} characters"
    if name[0] in FIRST:
        return f"it begins with {name[0]}"
    if odd := next((letter for letter in name if letter in NOWHERE or not letter.isprintable()), None):
        return f"it holds {odd!r}"
    if name.endswith("."):
        return "it ends in a dot"
    return "folders of data sets are called that" if name.lower() in TAKEN else ""


def as_spelled(name: str, known: Iterable[str]) -> str:
    """A known name that differs in nothing but capitals, else `name`."""
    return next((other for other in known if other.casefold() == name.casefold()), name)


def names_text(rows: Iterable[Row]) -> str:
    """The contents of names.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def read_names(data: bytes, path: Path, sizes: Mapping[int, int]) -> dict[int, str]:
    """Names of clusters from names.csv as a person or a spreadsheet left it; a row that is gone is not named.

    `sizes` are those of the clusters that there are.

    Raises:
        DataError: says the line that cannot be.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", expected="CSV UTF-8") from error
    delimiter = ";" if ";" in text.partition("\n")[0] else ","  # as spreadsheets of half the world write it
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    header = tuple(cell.strip().lower() for cell in lines[0]) if lines else ()
    if not {"cluster", "name"} <= set(header) <= {*COLUMNS, ""}:
        raise DataError(f"{path} has the columns {', '.join(header) or '(none)'}", expected=", ".join(COLUMNS))
    at_cluster, at_name = header.index("cluster"), header.index("name")
    names = dict.fromkeys(sizes, UNNAMED)
    seen: set[int] = set()
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}, line {number}"
        cluster = _cluster(cells[at_cluster].strip(), where, sizes)
        if cluster in seen:
            raise DataError(f"{where}: cluster {cluster} stands there twice", expected="a row for each cluster")
        seen.add(cluster)
        try:
            name = check_name(cells[at_name] if at_name < len(cells) else UNNAMED)
        except UsageError as error:
            raise DataError(f"{where}: {error.what}", expected=error.expected) from error
        names[cluster] = as_spelled(name, names.values())
    return names


def _cluster(text: str, where: str, sizes: Mapping[int, int]) -> int:
    if not text.isdecimal() or int(text) not in sizes:
        raise DataError(f"{where}: there is no cluster {text!r}", expected="the numbers that were there")
    return int(text)
