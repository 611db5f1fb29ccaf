import secrets
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from edgevision_runtime.errors import UsageError
from edgevision_runtime.health.sd_notify import ServiceNotifier, ServiceSocket, service_socket
from edgevision_runtime.messages import HAPPENED, Event, Result
from edgevision_runtime.types import Classification, Frame, Stages


class ServiceManager:
    """The listening end, as systemd opens it."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind(f"\0{address[1:]}" if address[0] == "@" else address)

    def hear(self):
        """The lines of one message."""
        return self.socket.recv(4096).decode().split("\n")

    def has_heard_all(self):
        """Whether no message waits."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(5)
        return False


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    heard = ServiceManager(
        str(tmp_path / "notify") if request.param == "path" else f"@edgevision-{secrets.token_hex(8)}"
    )
    yield heard
    heard.socket.close()


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def notifier(manager, clock):
    with ServiceNotifier(
        ServiceSocket(manager.address, 20.0), describe=lambda: "2 cameras\n30 fps", clock=clock
    ) as made:
        yield made


def result(captured_s, age_ms=40.0, camera="front"):
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, captured_s, "fake")
    scores = np.array([1.0, 0.0], np.float32)
    said = Classification(0, captured_s, age_ms, 3.0, Stages(1, 1, 1), scores, ("a", "b"))
    return Result(frame, said, None, "lights 1.0.0", camera, 1.7e9)


def event(kind, name, **detail):
    return Event(kind, name, HAPPENED, "front" if kind == "camera" else "", 1.7e9, detail)


def test_ready_comes_with_a_status_on_one_line(manager, notifier):
    notifier.ready()

    assert manager.hear() == ["READY=1", "STATUS=2 cameras 30 fps"]


def test_an_answered_fresh_frame_is_a_sign_of_life(manager, notifier):
    notifier.write(result(captured_s=1.0))

    assert manager.hear()[0] == "WATCHDOG=1"


def test_signs_of_life_are_no_more_frequent_than_a_quarter_of_the_watchdogs_time(manager, notifier, clock):
    kicks = 0

    for number in range(200):  # 10 s at 20 frames a second; the watchdog's time is 20 s
        clock.now_s = 100 + number / 20
        notifier.write(result(captured_s=number / 20))
    while not manager.has_heard_all():
        kicks += 1

    assert kicks == 2  # at 100 and at 105 s


@pytest.mark.parametrize("what", [result(1.0, age_ms=31_000.0), result(0.5), result(1.0)])
def test_an_old_frame_and_a_frame_seen_before_are_no_sign_of_life(manager, notifier, clock, what):
    notifier.write(result(1.0))
    manager.hear()
    clock.now_s += 1000

    notifier.write(what)

    assert manager.has_heard_all()


def test_a_frame_that_was_found_still_counts_too(manager, notifier):
    notifier.frame_done("front", captured_s=1.0, age_ms=5.0)

    assert manager.hear()[0] == "WATCHDOG=1"


def test_each_camera_has_a_time_of_its_own(manager, notifier, clock):
    notifier.write(result(captured_s=5000.0, camera="front"))
    manager.hear()
    clock.now_s += 10

    notifier.write(result(captured_s=3.0, camera="back"))

    assert "WATCHDOG=1" in manager.hear()


def test_events_and_waiting_are_no_sign_of_life(manager, notifier, clock):
    clock.now_s += 1000

    notifier.tell(event("camera", "backing off", reason="no route to host"))

    assert manager.hear() == ["STATUS=front: backing off (no route to host)"]
    assert manager.has_heard_all()


def test_a_service_without_a_watchdog_is_told_a_status_alone(manager, clock):
    with ServiceNotifier(ServiceSocket(manager.address), describe=lambda: "fine", clock=clock) as notifier:
        notifier.write(result(1.0))

        assert manager.hear() == ["STATUS=fine"]


def test_an_exchange_of_the_model_is_a_reload(manager, notifier):
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.tell(event("model", "checking", reason="lights.evb"))
    notifier.tell(event("model", "swapped", reason="lights 2.0.0 instead of lights 1.0.0"))

    reloading, monotonic, _ = manager.hear()
    assert (reloading, manager.hear()[0]) == ("RELOADING=1", "READY=1")
    assert int(monotonic.removeprefix("MONOTONIC_USEC=")) >= before_us


def test_a_refused_model_leaves_the_service_ready(manager, notifier):
    notifier.tell(event("model", "checking"))
    manager.hear()

    notifier.tell(event("model", "refused", reason="selftest failed"))

    assert manager.hear() == ["READY=1", "STATUS=model: refused (selftest failed)"]


def test_what_is_told_of_models_before_the_start_is_over_does_not_end_it(manager, notifier):
    notifier.tell(event("model", "refused", reason="no engine"))

    assert manager.hear() == ["STATUS=model: refused (no engine)"]


def test_the_end_is_told(manager):
    with ServiceNotifier(ServiceSocket(manager.address)):
        pass

    assert manager.hear() == ["STOPPING=1"]


def test_a_service_manager_that_went_away_does_not_stop_the_run(manager, notifier, clock):
    manager.socket.close()
    if manager.address[0] == "/":
        Path(manager.address).unlink()

    notifier.write(result(1.0))

    assert notifier.failure


def test_ready_that_nobody_hears_is_an_error(tmp_path):
    notifier = ServiceNotifier(ServiceSocket(str(tmp_path / "nobody")))

    with pytest.raises(UsageError, match="NOTIFY_SOCKET cannot be written"):
        notifier.ready()
    notifier.close()


def test_the_environment_of_a_service_says_where_and_how_often():
    environment = {"NOTIFY_SOCKET": "@/org/notify", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "42"}

    assert service_socket(environment, 42) == ServiceSocket("@/org/notify", 60.0)
    assert service_socket(environment, 43) == ServiceSocket("@/org/notify", None)  # meant for another process
    assert service_socket({}, 42) is None


@pytest.mark.parametrize(
    "environment",
    [{"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "soon"}],
)
def test_an_environment_that_cannot_be_is_refused(environment):
    with pytest.raises(UsageError, match="expected"):
        service_socket(environment, 42)
