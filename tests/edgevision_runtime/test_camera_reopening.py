"""A camera may be lost and found as often as it likes: nothing of a lost connection stays."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import urllib.request
import weakref

import numpy as np
import pytest

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionPolicy, ConnectionSetup
from edgevision_runtime.cameras.events import CameraEvent, StateChange
from edgevision_runtime.cameras.feed import Captured, LinkLost, ThreadFeed
from edgevision_runtime.cameras.mjpeg import request_stream


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_a_lost_connection_held_is_freed_without_the_garbage_collector() -> None:
    held: list[weakref.ref[np.ndarray]] = []

    class Breaks:
        granted = None
        damaged = 0

        def read(self) -> Captured:
            picture = np.zeros((2, 2, 3), np.uint8)
            held.append(weakref.ref(picture))
            raise LinkLost(f"broke at picture {len(held)}")

        def close(self) -> None:
            pass

    def listen(event: CameraEvent) -> None:
        if isinstance(event, StateChange) and event.state == "backing off" and len(held) == 5:
            camera.stop()

    policy = ConnectionPolicy(backoff=Backoff(0.01, 0.01))
    camera = ConnectedCamera("x", lambda: ThreadFeed(Breaks), ConnectionSetup(policy, on_event=listen))
    gc.disable()
    try:
        list(camera)
        kept = [reference() for reference in held if reference() is not None]
    finally:
        gc.enable()

    assert len(held) == 5
    assert kept == []


def test_an_attempt_without_tls_loads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[ssl.SSLContext] = []

    def load() -> ssl.SSLContext:
        loaded.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return loaded[-1]

    monkeypatch.setattr(ssl, "_create_default_https_context", load)
    place = f"127.0.0.1:{free_port()}"

    with pytest.raises(LinkLost, match="refused"):
        request_stream(f"http://{place}/", 1.0)
    loaded_by_http = len(loaded)
    with pytest.raises(LinkLost, match="refused"):
        request_stream(f"https://{place}/", 1.0)

    assert (loaded_by_http, len(loaded)) == (0, 1)


def openers() -> int:
    """Urllib's that are in memory."""
    return sum(isinstance(thing, urllib.request.OpenerDirector) for thing in gc.get_objects())


def test_an_attempt_over_http_leaves_nothing_to_the_garbage_collector() -> None:
    url = f"http://anna:secret@127.0.0.1:{free_port()}/"
    gc.collect()
    before = openers()
    gc.disable()
    try:
        with contextlib.suppress(LinkLost):
            request_stream(url, 1.0)
        after = openers()
    finally:
        gc.enable()

    assert after == before
