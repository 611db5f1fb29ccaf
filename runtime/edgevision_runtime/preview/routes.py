"""What can be asked for: the page, pictures, the state as JSON, health and metrics."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from edgevision_runtime.errors import MissingDependency
from edgevision_runtime.metrics import METRICS_TYPE, render_metrics
from edgevision_runtime.pages.page import read_page
from edgevision_runtime.pages.server import Answer, refusal
from edgevision_runtime.preview.access import Access
from edgevision_runtime.preview.healthz import Vigil
from edgevision_runtime.preview.pictures import CameraPictures, Picture, age_now_s, state_in_words
from edgevision_runtime.preview.server import Request
from edgevision_runtime.sinks.document import timestamp
from edgevision_runtime.status import RunStatus

PAGE = Path(__file__).with_name("page.html")
MOST_STREAMS = 12  # open at the same time; the rest of the server's places are for everything else
POLL_S = 0.02  # how often a stream looks for a new picture
JSON = "application/json"
BOUNDARY = "edgevision-picture"
Query = dict[str, list[str]]


class Routes:
    """Answers requests about one run."""

    def __init__(self, status: RunStatus, access: Access, vigil: Vigil) -> None:
        self._status, self._access, self._vigil = status, access, vigil
        self._page = read_page(PAGE)
        self._pictures = {name: CameraPictures(camera, self._titles) for name, camera in status.cameras.items()}
        self._is_over = threading.Event()
        self._routes = {
            "/": self._show_page,
            "/stream.mjpg": self._stream,
            "/snapshot.jpg": self._snapshot,
            "/api/v1/latest": self._latest,
            "/metrics": self._metrics,
        }

    def end(self) -> None:
        """Let streams end soon."""
        self._is_over.set()

    def answer(self, request: Request) -> Answer:
        """Any thread may call it."""
        try:
            target = urlsplit(request.target)
            query = parse_qs(target.query, keep_blank_values=True, max_num_fields=100)
        except ValueError:
            return refusal(400)
        if not self._access.is_own_host(request.headers.get("Host", "")):
            return refusal(
                421, "this preview is for this machine only: open it as http://localhost or http://127.0.0.1"
            )
        token = query.get("token", [""])[-1]
        may_look = self._access.may_look(
            authorization=request.headers.get("Authorization", ""),
            cookies=request.headers.get("Cookie", ""),
            token=token,
        )
        if target.path == "/healthz":
            return self._healthz(may_look)
        if not may_look:
            why = "needs the token: Authorization: Bearer TOKEN, or ?token=TOKEN once in a browser"
            return Answer(401, body=f"{why}\n".encode(), headers={"WWW-Authenticate": 'Bearer realm="edgevision"'})
        if target.path == "/" and token and self._access.knows_token(token):
            return self._trade_token(request)
        route = self._routes.get(target.path)
        return route(query) if route is not None else refusal(404)

    def _trade_token(self, request: Request) -> Answer:
        """A cookie for a token, and the page without it: no token stays in the browser's history."""
        headers = {"Set-Cookie": self._access.cookie}
        if request.headers.get("Sec-Fetch-Site") == "cross-site":  # a link: the cookie goes along from this page only
            return Answer(200, body=b"one moment\n", headers={**headers, "Refresh": "0; url=./"})
        return Answer(303, headers={**headers, "Location": "./"})

    def _show_page(self, query: Query) -> Answer:
        headers = {"Content-Security-Policy": self._page.policy}
        return Answer(200, "text/html; charset=utf-8", self._page.html, headers)

    def _snapshot(self, query: Query) -> Answer:
        names = self._asked(query)
        if len(names) != 1:
            return self._ask_for_a_camera()
        return Answer(200, "image/jpeg", self._pictures[names[0]].newest().jpeg)

    def _stream(self, query: Query) -> Answer:
        names = self._asked(query)
        if not names:
            return self._ask_for_a_camera()
        if self._viewers >= MOST_STREAMS:
            return refusal(503, f"{MOST_STREAMS} streams are being watched already")
        return Answer(200, f"multipart/x-mixed-replace; boundary={BOUNDARY}", parts=self._parts(names))

    def _parts(self, names: list[str]) -> Generator[bytes, None, None]:
        """Each new picture of each camera; pictures that a client is too slow for are left out."""
        with ExitStack() as watched:
            for name in names:
                watched.enter_context(self._pictures[name].watched())
            shown = dict.fromkeys(names, 0)
            yield f"--{BOUNDARY}\r\n".encode()
            while not self._is_over.is_set():
                for name in names:
                    picture = self._pictures[name].newest()
                    if picture.number != shown[name]:
                        shown[name] = picture.number
                        yield _part(name, picture)
                self._is_over.wait(POLL_S)

    def _asked(self, query: Query) -> list[str]:
        """The cameras that a request names; the only one when it names none. Empty when it names one that is not."""
        names = list(dict.fromkeys(query.get("camera", ())))
        if not names and len(self._pictures) == 1:
            return list(self._pictures)
        return names if all(name in self._pictures for name in names) else []

    def _ask_for_a_camera(self) -> Answer:
        return refusal(404, f"which camera? ?camera=… is one of: {', '.join(map(quote, self._pictures))}")

    def _latest(self, query: Query) -> Answer:
        reasons = self._vigil.reasons()
        document = self._status.snapshot()
        for entry, camera in zip(document["cameras"], self._status.cameras.values()):
            ages_s = [age_now_s(camera, result) for result in tuple(camera.latest.values())]
            entry["state_in_words"] = state_in_words(camera)
            entry["age_s"] = round(min(ages_s), 3) if ages_s else None
        document["preview"] = {"viewers": self._viewers, "encoded": self._encoded}
        body = {"time": timestamp(time.time()), "healthy": not reasons, "reasons": reasons, **document}
        return Answer(200, JSON, json.dumps(_finite(body), ensure_ascii=False).encode())

    def _healthz(self, may_look: bool) -> Answer:
        reasons = self._vigil.reasons()
        document = {"healthy": not reasons, **({"reasons": reasons} if may_look else {})}
        return Answer(503 if reasons else 200, JSON, (json.dumps(document, ensure_ascii=False) + "\n").encode())

    def _metrics(self, query: Query) -> Answer:
        try:
            body = render_metrics(self._status, encoded=self._encoded, viewers=self._viewers)
        except MissingDependency as error:
            return refusal(501, str(error))
        return Answer(200, METRICS_TYPE, body)

    @property
    def _viewers(self) -> int:
        return sum(pictures.viewers for pictures in self._pictures.values())

    @property
    def _encoded(self) -> dict[str, int]:
        return {name: pictures.encoded for name, pictures in self._pictures.items()}

    def _titles(self) -> list[str]:
        return [model.title for model in tuple(self._status.models.values())]


def _part(name: str, picture: Picture) -> bytes:
    """With the boundary that follows, for which browsers wait before they show a picture."""
    age = f"X-Age-Ms: {picture.age_s * 1e3:.0f}\r\n" if picture.age_s is not None else ""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\nX-Camera: {quote(name)}\r\n{age}\r\n"
    return b"".join((head.encode(), picture.jpeg, f"\r\n--{BOUNDARY}\r\n".encode()))


def _finite(value: Any) -> Any:
    """With null for what JSON has no number for, such as a score that is not one."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
