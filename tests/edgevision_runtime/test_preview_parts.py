"""The preview's parts without a run: addresses, tokens, clients, pictures and what healthy means."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras.events import BACKING_OFF, CONNECTING, ENDED, STALLED, STREAMING
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import HAPPENED, Event
from edgevision_runtime.pages.server import Answer
from edgevision_runtime.preview.access import Access, read_token
from edgevision_runtime.preview.address import parse_address
from edgevision_runtime.preview.healthz import Vigil
from edgevision_runtime.preview.pictures import LONGEST_SIDE, CameraPictures, state_in_words
from edgevision_runtime.preview.server import ClientLimits, Server
from edgevision_runtime.preview.serving import serve_preview
from edgevision_runtime.status import CameraStatus, RunStatus
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.previewed import answered, decoded, request, result, status_of_one_camera, wait_for

TITLE = "strongest-colour 1.0.0"
TOKEN = "a-token-of-good-length"
FLAGS = {"preview": ":0", "preview_token": None, "preview_token_file": None}


@contextmanager
def served(status: RunStatus, **flags: Any) -> Iterator[int]:
    """The port of a preview of a status that no run changes."""
    with serve_preview({**FLAGS, **flags}, status, tell=lambda line: None) as url:
        yield int(url.rstrip("/").rpartition(":")[2])


@contextmanager
def serving(limits: ClientLimits, answer: Callable[..., Answer]) -> Iterator[int]:
    server = Server(parse_address(":0"), answer, lambda: None, limits)
    server.start()
    try:
        yield server.port
    finally:
        server.close()


@pytest.mark.parametrize(
    ("text", "shown", "is_loopback"),
    [
        (":8080", "127.0.0.1:8080", True),
        ("127.0.0.1:0", "127.0.0.1:0", True),
        ("0.0.0.0:8080", "0.0.0.0:8080", False),
        ("[::]:8080", "[::]:8080", False),
        ("[::1]:80", "[::1]:80", True),
        ("10.0.0.7:65535", "10.0.0.7:65535", False),
    ],
)
def test_an_address_without_a_host_is_for_this_machine_only(text: str, shown: str, is_loopback: bool) -> None:
    address = parse_address(text)

    assert (address.text, address.is_loopback) == (shown, is_loopback)


@pytest.mark.parametrize("text", ["8080", "", ":", ":65536", "host", "::1:80", "[::1]", "a b:80", ":-1", "http://a:80"])
def test_an_address_that_cannot_be_says_what_can(text: str) -> None:
    with pytest.raises(UsageError, match=r"--preview .*; expected :PORT"):
        parse_address(text)


def test_a_port_alone_is_answered_with_what_was_meant() -> None:
    with pytest.raises(UsageError, match=r"did you mean :8080\?"):
        parse_address("8080")


def test_an_address_that_others_can_reach_needs_a_token() -> None:
    with pytest.raises(UsageError, match=r"whole network .*--preview-token-file FILE; .*openssl rand.*--preview :8080"):
        Access(parse_address("0.0.0.0:8080"), None)


@pytest.mark.parametrize("token", ["short", "has spaces in it, it has", "a+b/c==============", "é" * 20, ""])
def test_a_token_that_is_none_is_refused_without_being_told(token: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(token)

    for given in ((token, None), (None, file)):
        with pytest.raises(UsageError, match="openssl rand -hex 16") as caught:
            read_token(*given)
        assert not token or token not in str(caught.value)


def test_a_token_without_a_preview_and_two_tokens_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="a token without a preview"),
        serve_preview({**FLAGS, "preview": None, "preview_token": TOKEN}, RunStatus(), tell=print),
    ):
        pass
    with pytest.raises(UsageError, match="one of them"):
        read_token(TOKEN, tmp_path / "file")
    with pytest.raises(UsageError, match="No such file"):
        read_token(None, tmp_path / "file")


def test_the_cookie_does_not_hold_the_token_and_outlives_a_restart() -> None:
    first, second = (Access(parse_address(":0"), TOKEN) for _ in range(2))
    other = Access(parse_address(":0"), "another-token-of-good-length")

    assert first.cookie == second.cookie != other.cookie
    assert TOKEN not in first.cookie
    assert second.may_look(authorization="", cookies=first.cookie, token="")
    assert not other.may_look(authorization="", cookies=first.cookie, token="")


def test_one_client_too_many_is_sent_away_and_the_place_becomes_free_again() -> None:
    goes_on = threading.Event()

    def answer(asked: object) -> Answer:
        goes_on.wait(30)
        return Answer(200)

    with serving(ClientLimits(most=2), answer) as port:
        waiting = [threading.Thread(target=request, args=(port, "GET", "/")) for _ in range(2)]
        for thread in waiting:
            thread.start()
        codes = [wait_for(lambda: _code(port) == 503)]
        goes_on.set()
        for thread in waiting:
            thread.join(30)
        codes.append(wait_for(lambda: _code(port) == 200))

    assert codes == [True, True]


def _code(port: int) -> int:
    """0 when the connection was cut before the answer was read."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            answer = connection.recv(100)
        except OSError:
            return 0
    return int(answer.split()[1]) if answer else 0


def test_a_request_that_drips_in_is_cut_off() -> None:
    with (
        serving(ClientLimits(request_within_s=0.3), lambda asked: Answer(200)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")

        assert connection.recv(100) == b""


def test_a_client_that_takes_nothing_is_dropped() -> None:
    ended = threading.Event()

    def parts() -> Any:
        try:
            while True:
                yield bytes(1 << 20)
        finally:
            ended.set()

    with (
        serving(ClientLimits(write_within_s=0.3), lambda asked: Answer(200, parts=parts())) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")

        assert ended.wait(30)


def test_a_fault_of_ours_is_shown_and_the_next_request_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    faults = iter([ZeroDivisionError("ours")])

    def answer(asked: object) -> Answer:
        for fault in faults:
            raise fault
        return Answer(200)

    with serving(ClientLimits(), answer) as port:
        codes = [_code(port), _code(port)] if _code(port) == 0 else []

    assert codes == [200, 200]
    assert "ZeroDivisionError: ours" in told.getvalue()


@pytest.mark.parametrize(
    ("state", "captured", "words"),
    [
        (CONNECTING, 0, "connecting"), (CONNECTING, 5, "reconnecting"), (BACKING_OFF, 0, "reconnecting"),
        (STREAMING, 5, "streaming"), (STALLED, 5, "stalled"), (ENDED, 5, "ended"),
    ],
)  # fmt: skip
def test_a_state_is_told_in_words_for_people(state: str, captured: int, words: str) -> None:
    assert state_in_words(CameraStatus("gate", "test", state=state, captured=captured)) == words


def test_a_camera_that_is_away_is_shown_grey_and_with_how_old_its_picture_is(colour_bundle: Bundle) -> None:
    status = status_of_one_camera()
    camera = status.cameras["gate"]
    answered(status, result(colour_bundle, networks.frame_of(40, 200, 40, height=360, width=480)))
    pictures = CameraPictures(camera, lambda: [TITLE])

    live = decoded(pictures.newest().jpeg)
    status.tell(Event("camera", BACKING_OFF, HAPPENED, "gate", 0.0, {"reason": "lost"}))
    time.sleep(0.1)
    away = decoded(pictures.newest().jpeg)

    assert live.shape == away.shape
    assert int(np.ptp(live[200, 200])) > 100  # green
    assert int(np.ptp(away[200, 200])) <= 3  # grey
    assert away[1, :, 0].max() < 60 < live[1, 200, 1]  # a dark strip with the note


def test_a_large_frame_is_made_smaller_before_it_is_sent(colour_bundle: Bundle) -> None:
    status = status_of_one_camera()
    answered(status, result(colour_bundle, np.zeros((1080, 1920, 3), np.uint8)))

    picture = decoded(CameraPictures(status.cameras["gate"], lambda: [TITLE]).newest().jpeg)

    assert picture.shape[1] == LONGEST_SIDE


def test_there_is_a_picture_before_the_first_frame(colour_bundle: Bundle) -> None:
    pictures = CameraPictures(CameraStatus("gate", "test"), lambda: [])

    assert decoded(pictures.newest().jpeg).shape == (360, 640, 3)
    assert pictures.newest().age_s is None


def test_asking_often_encodes_no_picture_twice(colour_bundle: Bundle) -> None:
    status = status_of_one_camera()
    answered(status, result(colour_bundle, networks.frame_of(40, 200, 40)))
    pictures = CameraPictures(status.cameras["gate"], lambda: [TITLE])

    numbers = [pictures.newest().number for _ in range(50)]

    assert numbers == [1] * 50
    assert pictures.encoded == 1


def test_the_model_that_answers_now_is_the_one_that_is_shown(colour_bundle: Bundle) -> None:
    status = status_of_one_camera()
    old = result(colour_bundle, networks.frame_of(200, 40, 40, height=360, width=480))
    for outcome in (replace(old, model="strongest-colour 0.9.0"), old):
        answered(status, outcome)
    green = networks.frame_of(40, 200, 40, height=360, width=480)
    answered(status, replace(result(colour_bundle, green), model=TITLE))

    picture = decoded(CameraPictures(status.cameras["gate"], lambda: [TITLE]).newest().jpeg)

    assert picture[200, 200].argmax() == 1


def test_healthy_means_that_every_camera_streams_and_its_frames_get_answers(colour_bundle: Bundle) -> None:
    status = status_of_one_camera()
    camera = status.cameras["gate"]
    vigil = Vigil(status, answers_within_s=0.2)

    silent = vigil.reasons()
    answered(status, result(colour_bundle, networks.frame_of(40, 200, 40)))
    well = vigil.reasons()
    time.sleep(0.3)
    late = vigil.reasons()
    camera.still += 1  # held back by the motion gate: dealt with
    held_back = vigil.reasons()
    camera.state, camera.reason = BACKING_OFF, "lost"
    away = vigil.reasons()

    assert silent == ["gate: no answer yet"]
    assert (well, held_back) == ([], [])
    assert [reason.partition(" for ")[0] for reason in late] == ["gate: no answer"]
    assert away == ["gate: backing off (lost)"]
    assert Vigil(RunStatus()).reasons() == ["no model is loaded yet"]


def test_a_score_that_is_no_number_leaves_the_answer_valid_json(colour_bundle: Bundle) -> None:
    status = status_of_one_camera()
    answered(status, result(colour_bundle, networks.frame_of(0, 0, 0), scores=(float("nan"),) * 3))

    with served(status) as port:
        body = request(port, "GET", "/api/v1/latest").body

    def refuse(name: str) -> None:
        raise AssertionError(name)

    latest = json.loads(body, parse_constant=refuse)
    assert latest["cameras"][0]["latest"][TITLE]["score"] is None


def test_a_camera_of_several_must_be_named() -> None:
    status = RunStatus([CameraStatus(name, "test", state=STREAMING) for name in ("gate", "yard, north <side>")])
    yard = "camera=yard%2C%20north%20%3Cside%3E"

    with served(status) as port:
        codes = [
            request(port, "GET", target).code
            for target in (
                "/snapshot.jpg",
                "/stream.mjpg",
                f"/snapshot.jpg?camera=gate&{yard}",
                f"/snapshot.jpg?{yard}",
            )
        ]

    assert codes == [404, 404, 404, 200]
