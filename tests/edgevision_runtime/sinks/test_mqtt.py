"""Publishing to a real broker, which goes away, comes back, refuses, and is not who it says it is."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event
from edgevision_runtime.sinks import SinkSetup, open_sink, open_sinks
from edgevision_runtime.sinks import broker as broker_module
from edgevision_runtime.sinks.queued import QueuedSink
from tests.edgevision_runtime.sinks.messages import LABELS, NOON, event, eventually, result
from tests.edgevision_runtime.sinks.mosquitto import IS_INSTALLED, MISSING, Certificates, Listener, Mosquitto, free_port

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason=MISSING)
SETUP = SinkSetup(is_live=True, cameras=("gate", "yard"), labels=LABELS, model="lights 1.0.0")
SOON = Backoff(first_s=0.1, longest_s=0.1, jitter=0)


@contextmanager
def publishing(text: str, told: list[Event] | None = None, setup: SinkSetup = SETUP) -> Iterator[QueuedSink]:
    setup = setup if told is None else replace(setup, tell=told.append)
    sink = QueuedSink(lambda: open_sink(text, setup), "mqtt", setup, backoff=SOON)
    try:
        yield sink
    finally:
        sink.close()


def reasons(told: list[Event]) -> list[str]:
    return [one.detail.get("reason", one.phase) for one in told]


def test_results_events_and_states_are_published_below_the_base(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        with publishing(f"mqtt://127.0.0.1:{broker.port}/site/pole-3") as sink:
            sink.write(result(4, "green", 0.75))
            sink.tell(event("green", of=result(4, "green", 0.75)))
            sink.tell(Event("health", "temperature", BEGAN, "", NOON, {"celsius": 81}))
        assert eventually(lambda: listener.on("site/pole-3/status") == ["online", "offline"])

    (shown,) = map(json.loads, listener.on("site/pole-3/gate/result"))
    (happened,) = map(json.loads, listener.on("site/pole-3/gate/event"))
    (hot,) = map(json.loads, listener.on("site/pole-3/event"))
    (state,) = map(json.loads, listener.on("site/pole-3/gate/state"))
    (device,) = map(json.loads, listener.on("site/pole-3/device"))
    assert (shown["frame"], shown["label"]) == (4, "green")
    assert (happened["event"], happened["name"], happened["phase"]) == ("label", "green", "began")
    assert (hot["name"], hot["celsius"]) == ("temperature", 81)
    assert (state["label"], state["score"], state["fps"]) == ("green", 0.75, None)
    assert device["cameras"] == {"gate": "gate", "yard": "yard"}
    assert listener.on("site/pole-3/gate/active/label-green") == ["ON"]
    assert listener.on("site/pole-3/gate/connection") == ["ON"]


def test_who_comes_later_is_told_the_present_state(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        Listener(broker.port) as early,
        publishing(f"mqtt://127.0.0.1:{broker.port}/pole") as sink,
    ):
        sink.write(result(0, "red", at=NOON))
        sink.write(result(1, "green", at=NOON + 0.5))  # too soon after the last state
        sink.write(result(2, "green", at=NOON + 1.5))
        sink.tell(Event("camera", "backing-off", HAPPENED, "gate", NOON, {}))
        assert eventually(lambda: early.on("pole/gate/connection") == ["ON", "OFF"])
        with Listener(broker.port) as listener:
            assert eventually(lambda: len(listener.kept()) == 4)
            kept = listener.kept()

    assert set(kept) == {"pole/status", "pole/device", "pole/gate/state", "pole/gate/connection"}
    state = json.loads(kept["pole/gate/state"])
    assert (state["label"], state["fps"]) == ("green", 1.3)  # 2 results in 1.5 s
    assert kept["pole/gate/connection"] == "OFF"


def test_a_broker_that_is_killed_and_comes_back_gets_everything_that_was_kept_for_it(tmp_path: Path) -> None:
    told: list[Event] = []
    with Mosquitto(tmp_path) as broker, publishing(f"mqtt://127.0.0.1:{broker.port}/pole", told) as sink:
        sink.write(result(0))
        assert eventually(lambda: sink.written == 1)
        broker.kill()
        assert eventually(lambda: sink.failure)  # nothing was written meanwhile: it noticed by itself
        for index in range(1, 4):
            sink.write(result(index))
        broker.start()
        with Listener(broker.port) as listener:
            assert eventually(lambda: sink.written == 4)
            assert eventually(lambda: len(listener.on("pole/gate/result")) >= 3)
            assert eventually(lambda: listener.on("pole/status") == ["online"])

    frames = [json.loads(payload)["frame"] for payload in listener.on("pole/gate/result")]
    assert frames[-3:] == [1, 2, 3]
    assert [one.phase for one in told] == [BEGAN, ENDED]
    assert told[0].detail["reason"] == f"broker 127.0.0.1:{broker.port} cannot be reached: Connection refused"


def test_a_broker_that_hangs_is_told_of_and_gets_everything_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "UNANSWERED", 20)
    monkeypatch.setattr(broker_module, "ANSWERS_WITHIN_S", 0.2)
    told: list[Event] = []
    with (
        Mosquitto(tmp_path) as broker,
        Listener(broker.port) as listener,
        publishing(f"mqtt://127.0.0.1:{broker.port}/pole", told) as sink,
    ):
        assert eventually(lambda: listener.on("pole/status"))
        assert broker.process is not None
        broker.process.send_signal(signal.SIGSTOP)
        for index in range(100):
            sink.write(result(index))
        assert eventually(lambda: sink.failure)
        broker.process.send_signal(signal.SIGCONT)
        assert eventually(lambda: len(listener.on("pole/gate/result")) == 100)

    assert [json.loads(payload)["frame"] for payload in listener.on("pole/gate/result")] == list(range(100))
    assert told[0].detail["reason"] == f"broker 127.0.0.1:{broker.port} does not confirm what it is sent"


def test_a_wrong_password_is_told_in_one_line_and_harms_nobody_else(tmp_path: Path) -> None:
    told: list[Event] = []
    with Mosquitto(tmp_path, password="right") as broker:
        setup = replace(SETUP, tell=told.append)
        sinks = [f"mqtt://pole-3:wrong@127.0.0.1:{broker.port}/pole", f"jsonl:{tmp_path / 'all.jsonl'}"]
        with open_sinks(sinks, setup) as opened:
            for index in range(5):
                for sink in opened:
                    sink.write(result(index))
            assert eventually(lambda: told)
            setup.stop.set()

    assert told[0].name == "mqtt"
    assert told[0].detail["reason"] == f"broker 127.0.0.1:{broker.port} refuses the user name or password"
    assert "wrong" not in repr(told)
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 5


def test_a_password_from_a_file_opens_and_none_at_all_is_asked_for(tmp_path: Path) -> None:
    told: list[Event] = []
    secret = tmp_path / "secret"
    secret.write_text("right\n")
    with Mosquitto(tmp_path, password="right") as broker:
        with publishing(f"mqtt://127.0.0.1:{broker.port}/pole", told) as sink:
            assert eventually(lambda: sink.failure)
        with publishing(f"mqtt://pole-3@127.0.0.1:{broker.port}/pole?password-file={secret}") as sink:
            sink.write(result())
            assert eventually(lambda: sink.written == 1)

    assert reasons(told)[0] == f"broker 127.0.0.1:{broker.port} wants a user name and a password"


def test_tls_with_an_authority_of_one_s_own(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    stranger: list[Event] = []
    with Mosquitto(tmp_path, tls=certificates) as broker:
        with publishing(f"mqtts://127.0.0.1:{broker.port}/pole?ca={certificates.ca}") as sink:
            sink.write(result())
            assert eventually(lambda: sink.written == 1)
        with publishing(f"mqtts://127.0.0.1:{broker.port}/pole", stranger) as sink:
            assert eventually(lambda: sink.failure)
        with publishing(f"mqtts://127.0.0.1:{broker.port}/pole?insecure=1") as sink:
            sink.write(result())
            assert eventually(lambda: sink.written == 1)

    assert reasons(stranger)[0].startswith(f"broker 127.0.0.1:{broker.port} is not trusted: self")


def test_tls_to_a_broker_without_it_and_none_to_one_with_it(tmp_path: Path) -> None:
    plain, secret = tmp_path / "plain", tmp_path / "secret"
    told: list[Event] = []
    for folder in (plain, secret):
        folder.mkdir()
    with Mosquitto(plain) as open_broker, Mosquitto(secret, tls=Certificates(secret)) as tls_broker:
        with publishing(f"mqtts://127.0.0.1:{open_broker.port}/pole", told) as sink:
            assert eventually(lambda: sink.failure)
        with publishing(f"mqtt://127.0.0.1:{tls_broker.port}/pole", told) as sink:
            assert eventually(lambda: sink.failure)

    first, second = (one.detail["reason"] for one in told if one.phase == BEGAN)
    assert first.startswith(f"broker 127.0.0.1:{open_broker.port} ")
    assert "TLS" in first
    assert "hangs up before it answers; TLS on one side only" in second


def test_the_broker_says_offline_when_the_process_dies(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/pole", SETUP)
        sink.write(result())
        assert eventually(lambda: listener.on("pole/status") == ["online"])

        sink._broker._client._sock.close()  # type: ignore[attr-defined]  # as a process that was killed

        assert eventually(lambda: listener.on("pole/status") == ["online", "offline"])


def test_what_an_earlier_run_left_on_is_switched_off(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        address = f"mqtt://127.0.0.1:{broker.port}/pole"
        with publishing(address) as sink:
            sink.tell(event("red", BEGAN))
            assert eventually(lambda: listener.on("pole/gate/active/label-red") == ["ON"])
        with publishing(address) as sink:
            assert eventually(lambda: listener.on("pole/gate/active/label-red") == ["ON", "OFF"])


def test_home_assistant_is_introduced_to_cameras_and_to_events_as_they_come(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        with publishing(f"mqtt://127.0.0.1:{broker.port}/site/pole-3?discovery=homeassistant") as sink:
            sink.tell(event("red", BEGAN))
        topic = "homeassistant/device/edgevision_site-pole-3/config"
        assert eventually(lambda: len(listener.on(topic)) == 2)

    before, after = map(json.loads, listener.on(topic))
    parts = before["components"]
    assert {name for name in parts if name.startswith("gate")} == {
        "gate_label", "gate_score", "gate_fps", "gate_age", "gate_connection"
    }  # fmt: skip
    assert parts["gate_label"]["state_topic"] == "site/pole-3/gate/state"
    assert parts["gate_score"]["value_template"] == "{{ (value_json.score * 100) | round(1) }}"
    assert parts["status"]["device_class"] == parts["gate_connection"]["device_class"] == "connectivity"
    assert set(after["components"]) - set(parts) == {"gate_label-red"}
    assert after["components"]["gate_label-red"]["state_topic"] == "site/pole-3/gate/active/label-red"
    every = list(after["components"].values())
    assert len({part["unique_id"] for part in every}) == len(every)
    assert {part["platform"] for part in every} == {"sensor", "binary_sensor"}
    assert after["origin"]["name"] == "edgevision"


def test_a_broker_that_is_not_there_yet_is_no_reason_not_to_start() -> None:
    told: list[Event] = []
    port = free_port()

    with publishing(f"mqtt://127.0.0.1:{port}/pole", told) as sink:
        assert eventually(lambda: sink.failure)

    assert reasons(told)[0] == f"broker 127.0.0.1:{port} cannot be reached: Connection refused"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mqtt", "expected mqtt://HOST/TOPIC"),
        ("mqtt:host", "expected mqtt://HOST"),
        ("mqtt://", "expected mqtt://HOST"),
        ("mqtt://h:port/t", "expected mqtt://HOST"),
        ("mqtt://h/a/+/b", r"one without \+ and #"),
        ("mqtt://h/t?qos=3", "0 .at most once"),
        ("mqtt://h/t?quos=1", "did you mean qos"),
        ("mqtt://h/t?ca=/x", "ca without TLS"),
        ("mqtts://h/t?ca=/nowhere.pem", "/nowhere.pem: no such file"),
        ("mqtt://me:secret@h/t?password-file=/x", "two passwords"),
        ("mqtt://h/t?password-file=/x", "without a user name"),
        ("mqtt://me@h/t?password-file=/nowhere", "/nowhere cannot be read"),
    ],
)
def test_an_address_that_cannot_be_is_refused_at_the_start(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        open_sink(text, SETUP)

    assert "secret" not in str(refused.value)
