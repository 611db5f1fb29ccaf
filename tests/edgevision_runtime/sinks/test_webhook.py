"""Posting to a real server, which fails, hangs, goes away and comes back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event
from edgevision_runtime.sinks import SinkSetup, open_sink, queued
from edgevision_runtime.sinks.queued import QueuedSink
from edgevision_runtime.sinks.spool import Spool
from tests.edgevision_runtime.sinks.messages import event, eventually, result
from tests.edgevision_runtime.sinks.web_server import WebServer

LIVE = SinkSetup(is_live=True)
SOON = Backoff(first_s=0.05, longest_s=0.05, jitter=0)


@contextmanager
def posting(text: str, told: list[Event] | None = None, setup: SinkSetup = LIVE) -> Iterator[QueuedSink]:
    setup = setup if told is None else replace(setup, tell=told.append)
    sink = QueuedSink(lambda: open_sink(f"webhook:{text}", setup), "webhook", setup, backoff=SOON)
    try:
        yield sink
    finally:
        sink.close()


def test_each_message_is_one_post_over_one_connection() -> None:
    with WebServer() as server, posting(server.url) as sink:
        sink.write(result(0))
        sink.tell(event("red"))
        sink.write(result(1))

    assert [document.get("frame") for document in server.posted] == [0, None, 1]
    assert server.posted[1]["event"] == "label"
    assert set(server.paths) == {"/hook?key=abc"}
    assert server.connections == 1
    assert {headers["Content-Type"] for headers in server.headers} == {"application/json"}
    assert len({headers["X-Edgevision-Delivery"] for headers in server.headers}) == 3


def test_a_token_a_user_and_a_signature_prove_who_posts(tmp_path: Path) -> None:
    token, secret = tmp_path / "token", tmp_path / "secret"
    token.write_text("first\n")
    secret.write_text("hush")
    with WebServer() as server:
        with posting(f"{server.url}#token-file={token}&secret-file={secret}") as sink:
            sink.write(result(0))
            assert eventually(lambda: sink.written == 1)
            token.write_text("second\n")
            sink.write(result(1))
        with posting(server.url.replace("//", "//me:p%40ss@")) as sink:
            sink.write(result(2))

    given = [headers["Authorization"] for headers in server.headers]
    assert given == ["Bearer first", "Bearer second", "Basic bWU6cEBzcw=="]
    signature = hmac.new(b"hush", server.bodies[0], hashlib.sha256).hexdigest()
    assert server.headers[0]["X-Edgevision-Signature"] == f"sha256={signature}"


def test_a_server_that_fails_is_asked_again_until_it_takes_everything() -> None:
    told: list[Event] = []
    with WebServer() as server, posting(server.url, told) as sink:
        server.status = 503
        for index in range(3):
            sink.write(result(index))
        assert eventually(lambda: len(server.paths) >= 3)
        server.status = 200
        assert eventually(lambda: sink.written == 3)

        assert server.frames == [0, 1, 2]
        assert [one.phase for one in told] == [BEGAN, ENDED]
        assert told[0].detail["reason"] == f"server 127.0.0.1:{server.port} answers 503 Service Unavailable"


def test_a_message_that_the_server_refuses_is_lost_and_told() -> None:
    told: list[Event] = []
    with WebServer() as server, posting(server.url, told) as sink:
        server.status = 422
        sink.write(result(0))
        assert eventually(lambda: sink.dropped == 1)
        server.status = 200
        sink.write(result(1))
        assert eventually(lambda: sink.written == 1)

    assert server.frames == [1]
    assert [one.phase for one in told] == [BEGAN, ENDED, HAPPENED]
    assert "answers 422" in told[0].detail["reason"]


def test_a_server_that_hangs_or_hangs_up_or_is_not_there_is_told_as_such() -> None:
    reasons = []
    with WebServer() as server:
        server.goes_on.clear()
        for trouble in ("hang", "hang up", "stop"):
            told: list[Event] = []
            with posting(f"{server.url}#timeout=200ms", told) as sink:
                if trouble == "hang up":
                    server.hangs_up = True
                    server.goes_on.set()
                if trouble == "stop":
                    server.stop()
                sink.write(result())
                assert eventually(lambda sink=sink: sink.failure)
            reasons.append(told[0].detail["reason"].replace(f"server 127.0.0.1:{server.port} ", ""))
        server.start()

    assert reasons == ["does not answer within 0.2 s", "hangs up", "cannot be reached: Connection refused"]


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew_without_a_word() -> None:
    told: list[Event] = []
    with WebServer() as server, posting(server.url, told) as sink:
        sink.write(result(0))
        assert eventually(lambda: sink.written == 1)
        server.hangs_up = True  # as after its keep-alive time
        sink._sink._poster._connection.sock.shutdown(2)  # type: ignore[union-attr]
        server.hangs_up = False
        sink.write(result(1))
        assert eventually(lambda: sink.written == 2)

    assert told == []
    assert server.connections == 2


def test_the_spool_keeps_what_cannot_be_delivered_in_order_also_over_a_restart(tmp_path: Path) -> None:
    told: list[Event] = []
    with WebServer() as server:
        text = f"{server.url}#spool={tmp_path / 'spool'}"
        server.stop()
        with posting(text, told) as sink:
            for index in range(5):
                sink.write(result(index))
            assert eventually(lambda: sink.failure)
            assert sink.written == 5
        waiting = len(list((tmp_path / "spool").glob("*.json")))
        server.start()
        with posting(text, told) as sink:
            sink.write(result(5))
            assert eventually(lambda: len(server.posted) == 6)

    assert waiting == 5
    assert server.frames == [0, 1, 2, 3, 4, 5]
    assert list((tmp_path / "spool").glob("*.json")) == []
    assert [one.phase for one in told] == [BEGAN]  # nothing is lost, and nothing said of it


def test_the_spool_is_told_of_once_and_again_when_it_is_empty(tmp_path: Path) -> None:
    told: list[Event] = []
    with WebServer() as server, posting(f"{server.url}#spool={tmp_path / 'spool'}", told) as sink:
        server.status = 500
        sink.write(result(0))
        assert eventually(lambda: sink.failure)
        sink.write(result(1))
        server.status = 200
        assert eventually(lambda: not sink.failure)

        assert server.frames == [0, 1]
        assert [one.phase for one in told] == [BEGAN, ENDED]


def test_a_spooled_message_that_the_server_refuses_is_lost_and_the_others_are_not(tmp_path: Path) -> None:
    with WebServer() as server, posting(f"{server.url}#spool={tmp_path / 'spool'}") as sink:
        server.status = 503
        for index in range(2):
            sink.write(result(index))
        assert eventually(lambda: sink.failure)
        server.status = 400
        assert eventually(lambda: sink.dropped == 1)
        server.status = 200
        assert eventually(lambda: len(server.posted) + sink.dropped == 2)

        assert sink.dropped + len(server.posted) == 2


def test_a_hanging_server_costs_a_process_that_shall_end_nothing_with_a_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queued, "_left_behind", [])
    with WebServer() as server:
        server.goes_on.clear()
        with posting(f"{server.url}#spool={tmp_path / 'spool'}&timeout=60s") as sink:
            for index in range(4):
                sink.write(result(index))
            assert eventually(lambda: server.paths)
            sink._stop.set()

        assert len(list((tmp_path / "spool").glob("*.json"))) == 4
        assert sink.dropped == 0


def test_files_go_on_while_the_spool_keeps_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "GIVES_UP_AFTER_S", 0.0)
    with WebServer() as server:
        server.stop()
        with posting(f"{server.url}#spool={tmp_path / 'spool'}", setup=SinkSetup()) as sink:
            for index in range(3):
                sink.write(result(index))
            assert eventually(lambda: sink.failure)
        server.start()

    assert len(list((tmp_path / "spool").glob("*.json"))) == 3


def test_a_full_spool_loses_the_oldest_and_counts_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 3 * 4096)  # a small file takes a block of a disk

    for number in range(5):
        spool.put(f"{number:032x}", b"{}")
    first = spool.oldest()
    spool.close()

    assert first is not None
    assert (first[0].number, len(spool), spool.lost) == (2, 3, 2)
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_the_spool_passes_over_what_a_power_cut_left_and_touches_nothing_else(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    for number in range(2):
        spool.put(f"{number:032x}", b"{}")
    spool.close()
    (tmp_path / f"{0:012d}-{0:032x}.json").write_bytes(b"")
    half = tmp_path / f"{7:012d}-{7:032x}.json.part"
    half.write_bytes(b'{"ti')
    (tmp_path / "notes.json").write_text("mine")

    again = Spool(tmp_path, 10**6)
    first = again.oldest()
    again.close()

    assert first is not None
    assert (first[0].number, again.lost) == (1, 1)
    assert not half.exists()
    assert (tmp_path / "notes.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("webhook", "needs a url; expected webhook:https://HOST/PATH"),
        ("webhook:ftp://host/x", "expected webhook:https://HOST/PATH"),
        ("webhook:https://host:99999/x", "Port out of range"),
        ("webhook:https://host/x#spol=/tmp", "did you mean spool"),
        ("webhook:https://host/x#spool-mb=5", "spool-mb without spool"),
        ("webhook:https://host/x#spool=/tmp/s&spool-mb=0", "1 or more"),
        ("webhook:https://host/x#token-file=/nowhere", "/nowhere cannot be read"),
        ("webhook:https://me:hush@host/x#token-file=/nowhere", "a user name and a token"),
        ("webhook:http://host/x#ca=/x.pem", "ca without TLS"),
        ("webhook:https://host/x#ca=/nowhere.pem", "/nowhere.pem cannot be used"),
        ("webhook:https://host/x#spool=/dev/null/s", "spool /dev/null/s cannot be written"),
    ],
)
def test_an_address_that_cannot_be_is_refused_at_the_start(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        open_sink(text, LIVE)

    assert "hush" not in str(refused.value)


def test_two_processes_cannot_use_one_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)

    with pytest.raises(UsageError, match="is in use"):
        Spool(tmp_path, 10**6)
    spool.close()
