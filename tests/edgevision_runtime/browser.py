"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip
NOTE_FAULTS = """window.faults = []; const note = (text) => window.faults.push(String(text));
addEventListener("error", (event) => note(event.message));
addEventListener("unhandledrejection", (event) => note(event.reason));
document.addEventListener("securitypolicyviolation", (event) => note(event.violatedDirective + " " + event.blockedURI));
"""
STARTS_WITHIN_S = 60.0
ANSWERS_WITHIN_S = 60.0


class Browser:
    """One Chromium with a profile of its own. A context manager."""

    def __init__(self, folder: Path) -> None:
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            pytest.skip(f"no Chromium here (looked for {', '.join(PROGRAMS)})")
        command = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        port_file, ends_s = folder / "DevToolsActivePort", time.monotonic() + STARTS_WITHIN_S
        while not (port_file.exists() and port_file.read_text().count("\n")):
            assert self._process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < ends_s, "Chromium does not start"
            time.sleep(0.05)
        self._port = int(port_file.read_text().split()[0])

    def open(self, url: str, *, width: int = 1400, height: int = 900, is_dark: bool = False) -> Tab:
        """A new tab that shows `url`."""
        with urlopen(f"http://127.0.0.1:{self._port}/json/version") as answer:
            endpoint = json.load(answer)["webSocketDebuggerUrl"]
        browser = _Wire(endpoint)
        context = browser.call("Target.createBrowserContext")["browserContextId"]  # cookies of its own
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        tab = Tab(_Wire(f"ws://127.0.0.1:{self._port}/devtools/page/{target}"))
        tab.resize(width, height)
        tab.wire.call("Emulation.setEmulatedMedia", features=[_scheme(is_dark)])
        tab.wire.call("Page.enable")
        tab.wire.call("Page.addScriptToEvaluateOnNewDocument", source=NOTE_FAULTS)
        tab.wire.call("Page.navigate", url=url)
        return tab

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *exc: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Tab:
    """One page."""

    def __init__(self, wire: _Wire) -> None:
        self.wire = wire

    def evaluate(self, script: str) -> Any:
        """The value of an expression, or of its promise."""
        answer = self.wire.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str, within_s: float = 30.0) -> Any:
        """The value of an expression once it is true."""
        ends_s = time.monotonic() + within_s
        while not (value := self.evaluate(script)):
            assert time.monotonic() < ends_s, f"not within {within_s} s: {script}\n{self.text}"
            time.sleep(0.05)
        return value

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    @property
    def faults(self) -> list[str]:
        """Errors of scripts and breaches of the content policy since the page was opened."""
        found: list[str] = self.evaluate("window.faults")
        return found

    def resize(self, width: int, height: int) -> None:
        """Width and height in CSS pixels."""
        self.wire.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def picture(self) -> bytes:
        """PNG of the whole page."""
        shot = self.wire.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def close(self) -> None:
        """Leave the page."""
        self.wire.call("Page.close")


class _Wire:
    def __init__(self, endpoint: str) -> None:
        websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
        self._socket = websocket.create_connection(endpoint, timeout=ANSWERS_WITHIN_S, suppress_origin=True)
        self._numbers = itertools.count(1)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result


def _scheme(is_dark: bool) -> dict[str, str]:
    return {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
