"""A page, and the policy that lets a browser run nothing but what stands in it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import NamedTuple


class Page(NamedTuple):
    """HTML with its Content-Security-Policy."""

    html: bytes
    policy: str


def read_page(path: Path) -> Page:
    """An HTML file with one script and one style element."""
    html = path.read_bytes()
    return Page(
        html,
        f"default-src 'none'; script-src {_hash(html, b'script')}; style-src {_hash(html, b'style')}; "
        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )


def _hash(html: bytes, tag: bytes) -> str:
    """What the policy calls the content of the page's only such element."""
    (content,) = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), html, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
