"""Regions on the naming page, in headless Chromium: the same page, cuts with an outline on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.routes import NamingRoutes, Subject
from edgevision.discovery.naming.server import PageServer
from edgevision.discovery.naming.thumbnails import Thumbnails
from tests.edgevision_runtime.browser import Browser

IS_SHOWN = "(shots => shots.length && shots.every((one) => one.complete))([...document.querySelectorAll('.shot img')])"
ARE_PICTURES = "[...document.querySelectorAll('.shot img')].every((one) => one.naturalWidth >= 160)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def test_regions_are_shown_and_named_as_pictures_are(browser: Browser, clusters: Path) -> None:
    named = NamedClusters.open(clusters)
    subject = Subject("site", named.folder.embeddings.names, "edgevision apply clusters -o dataset/", named.things)
    server = PageServer(NamingRoutes(subject, named.store, named.screens, Thumbnails(named.frames())).answer)
    server.start()
    tab = browser.open(server.url, width=1400, is_dark=False)
    tab.wait_for(IS_SHOWN)
    assert tab.evaluate(ARE_PICTURES)

    tab.evaluate("act({do: 'name', cluster: current, name: 'road'}, true)")
    tab.wait_for("state.names.length === 1")

    assert "% of the regions" in tab.text
    assert f"{len(named.state.members[1])} regions" in tab.text
    assert named.state.used_names == {"road": 1}
    assert tab.faults == []
    server.close()
