"""The naming page in headless Chromium: clusters are named by keys alone, on any screen, in light and dark."""

from __future__ import annotations

import pytest

from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.server import PageServer
from tests.edgevision.discovery.pages import opened
from tests.edgevision_runtime.browser import Browser, Tab

CODES = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40, "PageDown": 34}
CONTROL = 2


def press(tab: Tab, *keys: str, modifiers: int = 0) -> None:
    """Real keys, as a keyboard sends them."""
    for key in keys:
        text = "\r" if key == "Enter" else key if len(key) == 1 and not modifiers else ""
        code = CODES.get(key) or (ord(key.upper()) if key.isalnum() else 0)
        event = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        tab.wire.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
        tab.wire.call("Input.dispatchKeyEvent", type="keyUp", **event)


def name_it(tab: Tab, name: str) -> None:
    before = current(tab)
    press(tab, *name, "Enter")
    tab.wait_for(f"current !== {before} || state.clusters.every((one) => one.name)")


def current(tab: Tab) -> int:
    return int(tab.evaluate("current"))


def test_clusters_are_named_by_keys_alone_the_largest_first(
    browser: Browser, server: PageServer, named: NamedClusters
) -> None:
    tab = opened(browser, server)
    assert current(tab) == named.state.by_size[0]

    for name in ("cat", "dog", "cat"):
        name_it(tab, name)

    assert [named.state.names[number] for number in named.state.by_size[:4]] == ["cat", "dog", "cat", ""]
    assert current(tab) == named.state.by_size[3]
    assert "3 of 12 named" in tab.text
    assert tab.faults == []


def test_a_name_that_was_given_is_completed(browser: Browser, server: PageServer, named: NamedClusters) -> None:
    tab = opened(browser, server)
    name_it(tab, "delivery van")

    press(tab, "d", "e", "Tab", "Enter")
    tab.wait_for("current === state.clusters[2].id")
    press(tab, "ArrowDown", "Enter")
    tab.wait_for("current === state.clusters[3].id")

    assert named.state.used_names == {"delivery van": 3}


def test_one_key_rejects_merges_splits_and_undoes(browser: Browser, server: PageServer, named: NamedClusters) -> None:
    tab = opened(browser, server)
    first, second, third, fourth = named.state.by_size[:4]
    name_it(tab, "cat")

    press(tab, "=")
    tab.wait_for(f"current === {third}")
    press(tab, "-")
    tab.wait_for(f"current === {fourth}")
    press(tab, "/", "2")
    tab.wait_for("state.clusters.length === 13")

    assert [named.state.names[number] for number in (first, second, third)] == ["cat", "cat", "-"]
    assert current(tab) == 12
    press(tab, "z", modifiers=CONTROL)
    tab.wait_for(f"state.clusters.length === 12 && current === {fourth}")
    press(tab, "z", modifiers=CONTROL)
    tab.wait_for(f"current === {third}")
    assert named.state.names[third] == ""
    press(tab, "y", modifiers=CONTROL)
    tab.wait_for(f"state.clusters.find((one) => one.id === {third}).name === '-'")


def test_arrows_walk_through_all_clusters_and_pages_through_those_without_a_name(
    browser: Browser, server: PageServer, named: NamedClusters
) -> None:
    order = named.state.by_size
    named.store.name([order[1]], "cat")
    tab = opened(browser, server)

    press(tab, "ArrowRight")
    assert current(tab) == order[1]
    assert tab.evaluate("find('name').value") == "cat"
    press(tab, "ArrowLeft", "PageDown")
    assert current(tab) == order[2]


def test_a_picture_that_is_clicked_is_left_out_and_what_was_typed_stays(
    browser: Browser, server: PageServer, named: NamedClusters
) -> None:
    tab = opened(browser, server)
    press(tab, "c", "a")

    tab.evaluate("document.querySelector('#typical .shot').click()")
    tab.wait_for("document.querySelector('#typical .shot').ariaPressed === 'true'")

    assert named.state.left_out == {named.screens.of(named.state)[current(tab)].exemplars[0]}
    assert tab.evaluate("find('name').value") == "ca"


def test_help_opens_and_closes_and_signs_do_not_become_names(browser: Browser, server: PageServer) -> None:
    tab = opened(browser, server)

    press(tab, "?")
    tab.wait_for("find('keys').open")
    press(tab, "Escape")
    tab.wait_for("!find('keys').open")

    assert tab.evaluate("find('name').value") == ""
    press(tab, "a", "/")
    assert tab.evaluate("find('name').value") == "a/"


def test_a_name_that_cannot_be_is_told_and_can_be_mended(
    browser: Browser, server: PageServer, named: NamedClusters
) -> None:
    tab = opened(browser, server)

    press(tab, *"a/b", "Enter")
    tab.wait_for("!find('error').hidden")

    assert "cannot be a name" in tab.text
    assert tab.evaluate("find('name').value") == "a/b"
    assert not named.store.can_undo


def test_the_end_says_what_to_do_next_and_names_are_text(
    browser: Browser, server: PageServer, named: NamedClusters
) -> None:
    named.store.name(named.state.by_size[1:], "cat")
    tab = opened(browser, server)

    name_it(tab, "b & i")
    tab.wait_for("!find('done').hidden")

    assert "12 of 12 named, 100 % of the pictures" in tab.text
    assert "edgevision apply clusters -o dataset/" in tab.text
    assert "b & i" in tab.text
    assert tab.faults == []


def test_a_hand_in_names_csv_appears_on_the_open_page(
    browser: Browser, server: PageServer, named: NamedClusters
) -> None:
    tab = opened(browser, server)
    head, first, *rest = named.store.names_path.read_text().splitlines()

    named.store.names_path.write_text("\n".join([head, f"{first}cow", *rest]) + "\n")

    tab.wait_for("state.clusters[0].name === 'cow' && !find('notice').hidden")
    assert "edited by hand" in tab.text


def test_the_end_of_the_program_is_told(browser: Browser, server: PageServer) -> None:
    tab = opened(browser, server)

    server.close()
    press(tab, "c", "Enter")

    tab.wait_for("!find('error').hidden")
    assert "What you named is saved" in tab.text


@pytest.mark.parametrize("width", [390, 820, 1400])
def test_the_page_fits_the_screen(browser: Browser, server: PageServer, width: int) -> None:
    tab = opened(browser, server, width, is_dark=width == 820)

    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(18, 21, 24)" if width == 820 else "rgb(244, 245, 247)")
    assert tab.faults == []
