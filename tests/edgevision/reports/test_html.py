import re

import numpy as np
import pytest

from edgevision.reports import plots
from edgevision.reports.html import (
    Figure,
    Gallery,
    KeyFigure,
    Page,
    Picture,
    Section,
    Step,
    Table,
    data_uri,
    render_html,
    write_html,
)
from edgevision.reports.pictures import thumbnail


@pytest.fixture(scope="module")
def chart():
    return plots.sparsity_bars({"conv": 0.5}, 0.5)


def a_page(chart, **changes):
    facts = {
        "title": "All parts",
        "text": "One `code` word.\n\nSecond paragraph.",
        "key_figures": [KeyFigure("Accuracy", "94 %", "test", "pass")],
        "steps": [Step("Learn", "62 s"), Step("Prune", "21 s", "inconclusive")],
        "table": Table(("Class", "F1"), [("go", "0.9"), ("stop", "fail")], right=(1,)),
        "figures": [Figure("Zeros per layer", chart)],
        "gallery": Gallery([Picture(thumbnail(np.zeros((8, 8, 3), np.uint8)), "true: go\nsaid: stop", "fail")]),
        "commands": "edgevision train photos -o runs/mine",
    }
    return Page("A report", "About nothing", [Section(**{**facts, **changes}), Section("Two"), Section("Three")])


def test_the_page_is_one_file_that_asks_for_nothing_from_outside(tmp_path, chart):
    write_html(tmp_path / "report.html", a_page(chart))

    text = (tmp_path / "report.html").read_text()
    sources = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', text)
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert "<script" not in text
    assert "@import" not in text


def test_every_picture_says_in_words_what_it_shows(chart):
    text = render_html(a_page(chart))

    pictures = re.findall(r"<img [^>]*>", text)
    assert len(pictures) == 2
    assert all(re.search(r'alt="[^"]+"', picture) for picture in pictures)


def test_what_a_user_typed_cannot_become_markup(chart):
    text = render_html(a_page(chart, text="<script>alert(1)</script> `<b>`", commands="a && b <c>"))

    assert "<script" not in text
    assert "<b>" not in text
    assert "a &amp;&amp; b &lt;c&gt;" in text


def test_credentials_do_not_reach_the_page(chart):
    page = a_page(chart, text="from rtsp://me:hunter2@cam/1", commands="run --source 'http://cam/?w=1&token=hunter2'")

    assert "hunter2" not in render_html(page)


def test_the_contents_lead_to_every_section(chart):
    text = render_html(a_page(chart))

    targets = set(re.findall(r'<a href="#([^"]+)"', text))
    assert targets == {"all-parts", "two", "three"}
    assert all(f'<section id="{target}">' in text for target in targets)


def test_the_same_page_gives_the_same_bytes(chart):
    assert render_html(a_page(chart)) == render_html(a_page(chart))


def test_verdicts_are_told_by_word_and_not_by_colour_alone(chart):
    text = render_html(a_page(chart))

    assert "✓ pass" in text
    assert "✗ fail" in text
    assert "? inconclusive" in text


def test_bytes_that_are_no_picture_are_refused():
    with pytest.raises(ValueError, match="PNG or JPEG"):
        data_uri(b"GIF89a")
