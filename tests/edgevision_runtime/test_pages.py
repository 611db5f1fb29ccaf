"""What every page has that this machine shows in a browser."""

from __future__ import annotations

from pathlib import Path

from edgevision_runtime.pages.cookie import Cookie, proof_of
from edgevision_runtime.pages.page import read_page

NOTHING = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"  # of no bytes, as every table of SHA-256 has it


def test_the_policy_of_a_page_lets_only_its_own_script_and_style_run(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(b"<style></style><p>text</p><script>start()</script>")

    page = read_page(file)

    assert page.html == file.read_bytes()
    assert page.policy.startswith("default-src 'none'; script-src 'sha256-")
    assert f"; style-src {NOTHING}; " in page.policy
    assert NOTHING not in page.policy.partition("; style-src")[0]


def test_a_cookie_is_known_among_others_and_nothing_else_passes_for_it() -> None:
    cookie = Cookie("ours", proof_of("token", "cookie"))

    sent = cookie.header.partition(";")[0]

    assert cookie.is_in(sent)
    assert cookie.is_in(f"theirs=1; {sent}")
    for header in (
        "",
        "ours=",
        f"{sent}x",
        f"theirs={cookie.value}",
        "ours=\N{LATIN SMALL LETTER E WITH ACUTE}",
        "=;=;;",
    ):
        assert not cookie.is_in(header)
    assert cookie.value not in repr(cookie)
    assert cookie.value != proof_of("token", "name")
