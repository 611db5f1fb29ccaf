"""A page for one person on this machine: HTTP on 127.0.0.1, for whoever has the token, and for no page of another site.

The token stands in the address that is printed. A browser gets a cookie for it, which other sites cannot make it send,
and requests that change something must come from this page.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import secrets
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edgevision_runtime.errors import UsageError

HOST = "127.0.0.1"
OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")  # another port is fine: `ssh -L` forwards it
MOST_BODY_BYTES = 64 << 10
IDLE_S = 60.0  # that a connection may say nothing
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Request:
    """What the page asks for."""

    method: str  # GET | POST
    path: str
    query: Mapping[str, list[str]]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What it gets."""

    code: int
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(code: int, why: str = "") -> Answer:
    """A line of text that says no."""
    return Answer(code, body=f"{why or http.client.responses.get(code, 'refused')}\n".encode())


class PageServer(ThreadingHTTPServer):
    """Serves `answer` from a thread of its own until it is closed. Port 0 is any that is free.

    Raises:
        UsageError: the port cannot be had.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Request], Answer], port: int = 0) -> None:
        self.answer = answer
        self.is_over = False
        self._token = secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UsageError(
                f"port {port}: {error.strerror}", expected="a free port", hint="--port 0 takes any"
            ) from error
        self.cookie_name = f"edgevision_label_{self.server_port}"  # browsers send a host's cookies to all its ports
        self._thread = threading.Thread(target=self.serve_forever, args=(0.2,), name="page", daemon=True)

    @property
    def url(self) -> str:
        """What to open, with the token."""
        return f"http://{HOST}:{self.server_port}/?token={self._token}"

    @property
    def cookie(self) -> str:
        """Stands for the token; the token cannot be told from it."""
        return f"{self.cookie_name}={self._proof}; Path=/; HttpOnly; SameSite=Strict"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def close(self) -> None:
        """Take no more requests, also from browsers that are connected."""
        self.is_over = True
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """As HTTPServer does, without asking the network for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.socket.getsockname()[1])

    def knows_token(self, token: str) -> bool:
        """In a time that does not depend on how much of it is right."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode())

    def knows_cookie(self, header: str) -> bool:
        """Whether a `Cookie` header holds ours."""
        try:
            found = SimpleCookie(header).get(self.cookie_name)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode("utf-8", "replace"), self._proof.encode())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is nobody's fault; all else is ours, and shown whole."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    @property
    def _proof(self) -> str:
        return hmac.new(self._token.encode(), b"edgevision label cookie", hashlib.sha256).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self) -> None:
        """Answer."""
        self._send(self._answer("GET"))

    def do_POST(self) -> None:
        """Answer what changes something: from this page only."""
        self._send(self._answer("POST"))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, in our words: nothing of the request is repeated."""
        self.close_connection = True
        self._send(refusal(code))

    def version_string(self) -> str:
        """Versions are nobody's business."""
        return "edgevision"

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: their addresses may hold the token."""

    def _answer(self, method: str) -> Answer:
        if self.server.is_over:
            self.close_connection = True
            return refusal(503)
        host = self.headers.get("Host", "")
        body = self._body() if method == "POST" else b""
        if body is None:
            return refusal(413)
        if not _is_own(host):
            return refusal(421, "this page is for this machine only: open it as http://127.0.0.1")
        try:
            target = urlsplit(self.path)
            query = parse_qs(target.query, keep_blank_values=True, max_num_fields=20)
        except ValueError:
            return refusal(400)
        if target.path == "/" and self.server.knows_token(query.get("token", [""])[-1]):
            return Answer(303, headers={"Set-Cookie": self.server.cookie, "Location": "./"})
        if not self.server.knows_cookie(self.headers.get("Cookie", "")):
            return refusal(401, "open the address that `edgevision label` printed: it has the token")
        if method == "POST" and not self._is_from_this_page(host):
            return refusal(403)
        return self.server.answer(Request(method, target.path, query, body))

    def _body(self) -> bytes | None:
        """None: too long, or of unknown length; the connection then ends."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _is_from_this_page(self, host: str) -> bool:
        is_json = self.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"
        return is_json and self.headers.get("Origin", "") == f"http://{host}"

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.code)
        own = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))}
        for name, value in {**SECURITY_HEADERS, **own, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)


def _is_own(host: str) -> bool:
    """Whether a `Host` header names this machine; a name of another site may point here (DNS rebinding)."""
    name = host.strip().lower()
    name = name[: name.index("]") + 1] if name.startswith("[") and "]" in name else name.partition(":")[0]
    return name.rstrip(".") in OWN_NAMES
