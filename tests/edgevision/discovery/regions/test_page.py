"""Regions on the naming page, in headless Chromium: the same page, cuts with an outline on them."""

from __future__ import annotations

from pathlib import Path

from edgevision.discovery.naming.named_clusters import NamedClusters
from tests.edgevision.discovery.pages import opened, served
from tests.edgevision_runtime.browser import Browser

ARE_PICTURES = "[...document.querySelectorAll('.shot img')].every((one) => one.naturalWidth >= 160)"


def test_regions_are_shown_and_named_as_pictures_are(browser: Browser, clusters: Path) -> None:
    named = NamedClusters.open(clusters)
    with served(named, "site") as server:
        tab = opened(browser, server)
        assert tab.evaluate(ARE_PICTURES)

        tab.evaluate("act({do: 'name', cluster: current, name: 'road'}, true)")
        tab.wait_for("state.names.length === 1")

        assert "% of the regions" in tab.text
        assert f"{len(named.state.members[1])} regions" in tab.text
        assert named.state.used_names == {"road": 1}
        assert tab.faults == []
