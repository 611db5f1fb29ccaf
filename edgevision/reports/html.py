"""One page of a report as one HTML file: pictures inside, nothing fetched from anywhere, light and dark, printable."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from edgevision import __version__
from edgevision_runtime.atomic import write_text
from edgevision_runtime.redact import redact


@dataclass(frozen=True)
class KeyFigure:
    """A number that stands out: what it is, how much, and how it was judged."""

    label: str
    value: str
    note: str = ""
    status: str = ""  # pass | fail | inconclusive | "" for a number that nobody judged


@dataclass(frozen=True)
class Table:
    """Rows of text; the columns whose positions stand in `right` hold numbers and are right-aligned."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Figure:
    """A picture with the caption that says what to see in it; `alt` is for those who cannot see it."""

    caption: str
    image: bytes  # PNG or JPEG
    alt: str = ""  # the caption, when empty
    is_wide: bool = False  # takes the whole width instead of one of two columns


@dataclass(frozen=True, eq=False)
class Picture:
    """A photograph of a gallery: JPEG or PNG bytes, and the lines of text under it."""

    image: bytes
    caption: str = ""
    status: str = ""  # pass | fail | inconclusive: the colour of its edge


@dataclass(frozen=True, eq=False)
class Gallery:
    """Photographs in rows, with a legend of colours when they have masks over them."""

    pictures: Sequence[Picture]
    caption: str = ""
    columns: int = 4
    legend: Sequence[tuple[str, str]] = ()  # (class, CSS colour)


@dataclass(frozen=True)
class Step:
    """One box of a drawn sequence, such as learn → shrink → convert."""

    title: str
    text: str = ""
    status: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """A heading and what stands under it, in the order of the fields."""

    title: str
    text: str = ""  # paragraphs separated by an empty line; `code` between backticks
    key_figures: Sequence[KeyFigure] = ()
    steps: Sequence[Step] = ()
    table: Table | None = None
    figures: Sequence[Figure] = ()
    gallery: Gallery | None = None
    commands: str = ""  # a block of commands to copy


@dataclass(frozen=True, eq=False)
class Page:
    """A whole report."""

    title: str
    subtitle: str
    sections: Sequence[Section]


def write_html(path: Path, page: Page) -> None:
    """Write `page` as one self-contained HTML file, whole or not at all. Credentials in URLs are left out."""
    write_text(path, render_html(page))


def render_html(page: Page) -> str:
    """The HTML text of `page`; the same page gives the same text."""
    environment = Environment(
        loader=PackageLoader("edgevision.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_without_credentials,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["paragraphs"] = lambda text: [part for part in re.split(r"\n\s*\n", text.strip()) if part]
    environment.filters["code_parts"] = lambda text: text.split("`")
    environment.filters["anchor"] = anchor
    template = environment.get_template("page.html.j2")
    return template.render(page=page, version=__version__)


def data_uri(image: bytes) -> str:
    """The image as text that an `img` tag takes.

    Raises:
        ValueError: it is neither PNG nor JPEG.
    """
    if image.startswith(b"\x89PNG"):
        kind = "png"
    elif image.startswith(b"\xff\xd8"):
        kind = "jpeg"
    else:
        raise ValueError("an image of a report must be PNG or JPEG bytes")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def anchor(title: str) -> str:
    """The id that the table of contents links to."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _without_credentials(value: object) -> object:
    """What stands between the braces of the template, before it is escaped."""
    return redact(value) if isinstance(value, str) and not isinstance(value, Markup) else value
