"""`run` as systemd sees it: what it says on the socket, and what signals do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.edgevision_runtime.watched_bundle import Lights

PROGRAM = "from edgevision_runtime.cli import main; main()"
PATIENCE_S = 60.0


@pytest.fixture(scope="session")
def lights(colour_spec, colour_folder, tmp_path_factory):
    return Lights(colour_spec, colour_folder, tmp_path_factory.mktemp("lights"))


class Service:
    """A run that systemd would have started; a context manager that ends it."""

    def __init__(self, folder, pictures, query="fps=20&clock=real", watchdog_s=4):
        self.bundle = folder / "lights.evb"
        self.results = folder / "results.jsonl"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(PATIENCE_S)
        self.heard = ""
        told = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}
        command = [sys.executable, "-c", PROGRAM, "run", str(self.bundle), "--source", f"fake://{pictures}?{query}"]
        self.process = subprocess.Popen(
            [*command, "--sink", f"jsonl:{self.results}"],
            env={**os.environ, **told},
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self, wanted):
        """Wait for a message with this in it."""
        ends_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_s:
            message = self.manager.recv(4096).decode()
            self.heard += f"{message}\n"
            if wanted in message:
                return message.split("\n")
        raise AssertionError(f"{wanted!r} was never said")

    def end(self):
        """SIGTERM; the exit code and what it said on stderr."""
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=PATIENCE_S)[1]
        return self.process.returncode, said

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.manager.close()


@pytest.fixture
def start(tmp_path, colour_folder, lights):
    (tmp_path / "lights.evb").write_bytes(lights())
    return lambda **settings: Service(tmp_path, colour_folder, **settings)


def test_a_run_says_that_it_is_ready_alive_and_stopping(start):
    with start() as service:
        ready = service.hear("READY=1")
        alive = service.hear("WATCHDOG=1")
        code, _ = service.end()
        service.hear("STOPPING=1")

    assert ready[1].startswith("STATUS=lights 1.0.0; ")
    assert alive[0] == "WATCHDOG=1"
    assert code == 0


def test_a_camera_that_is_away_does_not_keep_the_run_from_being_ready_but_it_is_not_alive(start):
    with start(query="disconnect=1h@0&clock=real") as service:
        service.hear("READY=1")
        time.sleep(3)  # three quarters of the watchdog's time: at least two signs of life of a run that works
        service.end()
        service.hear("STOPPING=1")

    assert "backing off" in service.heard
    assert "WATCHDOG=1" not in service.heard


def test_garbage_in_place_of_the_bundle_is_refused_and_the_run_goes_on(start):
    with start() as service:
        service.hear("WATCHDOG=1")
        service.bundle.write_bytes(b"garbage")
        service.process.send_signal(signal.SIGHUP)
        refused = service.hear("refused")
        service.hear("WATCHDOG=1")
        code, said = service.end()

    assert refused[0] == "READY=1"
    assert code == 0
    assert "model: refused (lights.evb: not a whole ZIP file" in said


def test_a_reload_exchanges_the_model_and_no_frame_is_lost(start, lights):
    with start() as service:
        service.hear("WATCHDOG=1")
        beside = service.bundle.with_suffix(".new")
        beside.write_bytes(lights("2.0.0", labels=("stop", "go", "look out")))
        beside.replace(service.bundle)
        service.process.send_signal(signal.SIGHUP)
        service.hear("swapped")
        service.hear("WATCHDOG=1")
        code, _ = service.end()

    lines = [json.loads(line) for line in service.results.read_text().splitlines()]
    answers = [line for line in lines if "frame" in line and "label" in line]
    labels = [line["label"] in ("stop", "go", "look out") for line in answers]
    assert code == 0
    assert labels == sorted(labels)  # the old ones, then the new ones
    assert (labels[0], labels[-1]) == (False, True)
    assert len({line["frame"] for line in answers}) == len(answers)
