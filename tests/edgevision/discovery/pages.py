"""The naming page as tests open it, of pictures and of regions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.routes import NamingRoutes, Subject
from edgevision.discovery.naming.server import PageServer
from edgevision.discovery.naming.thumbnails import Thumbnails
from tests.edgevision_runtime.browser import Browser, Tab

IS_SHOWN = "(shots => shots.length && shots.every((one) => one.complete))([...document.querySelectorAll('.shot img')])"


@contextmanager
def served(named: NamedClusters, title: str) -> Iterator[PageServer]:
    """The page of these clusters, until the test is over."""
    subject = Subject(title, named.folder.embeddings.names, "edgevision apply clusters -o dataset/", named.things)
    server = PageServer(NamingRoutes(subject, named.store, named.screens, Thumbnails(named.frames())).answer)
    server.start()
    try:
        yield server
    finally:
        server.close()


def opened(browser: Browser, server: PageServer, width: int = 1400, *, is_dark: bool = False) -> Tab:
    """Its tab, once all pictures are there."""
    tab = browser.open(server.url, width=width, is_dark=is_dark)
    tab.wait_for(IS_SHOWN)
    return tab
