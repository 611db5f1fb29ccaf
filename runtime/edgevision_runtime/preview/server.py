"""A small HTTP server: GET and HEAD, one request per connection, few clients at a time, nobody waits for a slow one."""

from __future__ import annotations

import http.client
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Optional

from edgevision_runtime.errors import UsageError
from edgevision_runtime.preview.address import Address

LOOK_EVERY_S = 0.2
SEND_BUFFER_BYTES = 1 << 17  # pictures that a slow client has not taken grow old: few may wait for it
METHODS = ("GET", "HEAD")
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
class ClientLimits:
    """What clients may take of the machine."""

    most: int = 24  # at the same time
    request_within_s: float = 10.0  # until a request has arrived
    write_within_s: float = 10.0  # until a page or one picture was taken


@dataclass(frozen=True)
class Answer:
    """What a request gets; `parts` of unknown length are sent as they come."""

    code: int
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Optional[Generator[bytes, None, None]] = None  # noqa: UP045  Python 3.9 evaluates this


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    method: str
    target: str  # path and query as they came
    headers: Message


def refusal(code: int, why: str = "") -> Answer:
    """A line of text that says no."""
    return Answer(code, body=f"{why or http.client.responses.get(code, 'refused')}\n".encode())


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """Serves `answer` from a thread of its own until it is closed; calls `look` a few times a second.

    Raises:
        UsageError: the address cannot be had.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        address: Address,
        answer: Callable[[Request], Answer],
        look: Callable[[], None],
        limits: ClientLimits | None = None,
    ) -> None:
        self.address_family = address.family
        self.answer = answer
        self.limits = limits or ClientLimits()
        self.reading: dict[socket.socket, float] = {}  # connections whose request has not arrived yet, and since when
        self._look = look
        self._places = threading.BoundedSemaphore(self.limits.most)
        try:
            super().__init__((address.host, address.port), _Handler)
        except OSError as error:
            raise UsageError(
                f"--preview {address.text}: {error.strerror}",
                expected="an address of this machine with a free port",
                hint="--preview :0 takes any free port",
            ) from error
        self._thread = threading.Thread(target=self.serve_forever, args=(LOOK_EVERY_S,), name="preview", daemon=True)

    @property
    def port(self) -> int:
        """That was asked for, or that was free."""
        return int(self.socket.getsockname()[1])

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def close(self) -> None:
        """Take no more requests; what is being sent ends by itself."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """As HTTPServer does, without asking the network for this machine's name."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)

    def service_actions(self) -> None:
        """Called between requests."""
        self._look()
        late_s = time.monotonic() - self.limits.request_within_s
        for connection, since_s in tuple(self.reading.items()):
            if since_s < late_s:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a client, unless there are too many."""
        if not self._places.acquire(blocking=False):
            with suppress(OSError):
                request.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no more threads
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Runs in a client's own thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away or was too slow is nobody's fault; all else is ours, and shown whole."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()
        self.connection.settimeout(self.server.limits.write_within_s)
        self.server.reading[self.connection] = time.monotonic()

    def parse_request(self) -> bool:
        is_request = super().parse_request()
        self.server.reading.pop(self.connection, None)
        self.close_connection = True
        if is_request and self.command not in METHODS:
            self.send_error(405)
            return False
        return is_request

    def finish(self) -> None:
        self.server.reading.pop(self.connection, None)
        super().finish()

    def do_GET(self) -> None:
        """Answer."""
        self._send(self.server.answer(Request(self.command, self.path, self.headers)))

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, in our words: nothing of the request is repeated."""
        self.close_connection = True
        self._send(refusal(code))

    def version_string(self) -> str:
        """Versions are nobody's business."""
        return "edgevision"

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: their addresses may hold the token."""

    def _send(self, answer: Answer) -> None:
        self.request_version = self.protocol_version  # also to clients who did not say theirs, or a strange one
        self.send_response(answer.code)
        length = {} if answer.parts is not None else {"Content-Length": str(len(answer.body))}
        allow = {"Allow": ", ".join(METHODS)} if answer.code == 405 else {}
        own = {"Content-Type": answer.content_type, "Connection": "close", **length, **allow}
        for name, value in {**SECURITY_HEADERS, **own, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(answer.body)
        if answer.parts is not None:
            with closing(answer.parts) as parts:
                for part in parts:
                    self.wfile.write(part)
