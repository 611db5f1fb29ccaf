"""What tests of the preview share: runs in processes of their own, HTTP by hand, and results without a run."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.messages import Result
from edgevision_runtime.status import CameraStatus, ModelStatus, RunStatus
from edgevision_runtime.types import Classification, Frame, Stages
from tests.edgevision_runtime import networks

RUNTIME = (sys.executable, "-c", "from edgevision_runtime.cli import main; main()")


class Answer(NamedTuple):
    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class PreviewedRun:
    """`run` with a preview, in a process of its own. A context manager."""

    def __init__(self, bundle: Path, *arguments: object, preview: str = ":0") -> None:
        command = [*RUNTIME, "run", bundle, "--sink", "null", "--preview", preview, *arguments]
        self.process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
        self.told: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.url = wait_for(lambda: re.search(r"http://\S+", "".join(self.told)))[0]
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told.append(line)

    def get(self, target: str, **headers: str) -> Answer:
        return request(self.port, "GET", target, **headers)

    @property
    def latest(self) -> Any:
        return self.get("/api/v1/latest").json

    @property
    def inferred(self) -> int:
        return int(self.latest["cameras"][0]["inferred"])

    def wait_for_frames(self, count: int) -> None:
        before = self.inferred
        wait_for(lambda: self.inferred >= before + count)

    def end(self) -> str:
        """End it; what it said."""
        self.process.terminate()
        self.process.wait(timeout=20)
        self._thread.join(timeout=10)
        return "".join(self.told)

    def __enter__(self) -> PreviewedRun:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Stream:
    """A viewer of an MJPEG stream. A context manager."""

    def __init__(self, port: int, target: str = "/stream.mjpg") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.request("GET", target)
        self._answer = self._connection.getresponse()
        self.content_type = self._answer.headers["Content-Type"]
        assert self._answer.status == 200

    def part(self) -> tuple[dict[str, str], bytes]:
        """The next picture with its headers."""
        boundary = self._answer.readline()
        assert boundary in (b"--edgevision-picture\r\n", b"\r\n")
        headers: dict[str, str] = {}
        while (line := self._answer.readline().decode().strip()) or not headers:
            name, _, value = line.partition(": ")
            if value:
                headers[name] = value
        body = self._answer.read(int(headers["Content-Length"]))
        assert self._answer.readline() == b"\r\n"
        return headers, body

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc: object) -> None:
        self._answer.close()
        self._connection.close()


def request(port: int, method: str, target: str, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers.items()), answer.read())
    finally:
        connection.close()


def wait_for(condition: Callable[[], Any], within_s: float = 30.0) -> Any:
    """What the condition says once that is true."""
    ends_s = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < ends_s, f"not within {within_s} s"
        time.sleep(0.02)
    return value


def decoded(jpeg: bytes) -> Any:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def result(bundle: Bundle, image: Any, *, scores: tuple[float, ...] = (0.7, 0.2, 0.1), index: int = 0) -> Result:
    """That a classifier says of a picture taken a tenth of a second ago."""
    stages = Stages(1.0, 2.0, 3.0)
    prediction = Classification(index, 0.0, 100.0, 6.0, stages, np.float32(scores), networks.LABELS)
    frame = Frame(image, index, 0.0, "test")
    return Result(frame, prediction, bundle.spec, "strongest-colour 1.0.0", "gate", 1_800_000_000.0)


def status_of_one_camera(state: str = "streaming") -> RunStatus:
    """With one model, and a camera that has given nothing yet."""
    status = RunStatus([CameraStatus("gate", "rtsp://***@10.0.0.7/", state=state)])
    title = "strongest-colour 1.0.0"
    status.models["a.evb"] = ModelStatus(title, "int8.tflite", "int8", "litert 2.3.0", "XNNPACK", "", "0" * 64)
    return status


def answered(status: RunStatus, outcome: Result) -> None:
    """Tell the status of one answer, as the loop does."""
    status.write(outcome)
    camera = status.cameras[outcome.camera]
    camera.captured += 1
    camera.inferred += 1
    camera.latencies_ms.append(outcome.prediction.latency_ms)
    camera.answered_s.append(time.monotonic())
