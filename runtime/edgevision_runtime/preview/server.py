"""A small HTTP server: GET and HEAD, one request per connection, few clients at a time, nobody waits for a slow one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from email.message import Message
from typing import Any

from edgevision_runtime.errors import UsageError
from edgevision_runtime.pages.server import Answer, QuietHandler, ThreadedServer, refusal
from edgevision_runtime.preview.address import Address

SEND_BUFFER_BYTES = 1 << 17  # pictures that a slow client has not taken grow old: few may wait for it
METHODS = ("GET", "HEAD")


@dataclass(frozen=True)
class ClientLimits:
    """What clients may take of the machine."""

    most: int = 24  # at the same time
    request_within_s: float = 10.0  # until a request has arrived
    write_within_s: float = 10.0  # until a page or one picture was taken


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    method: str
    target: str  # path and query as they came
    headers: Message


class Server(ThreadedServer):
    """Serves `answer` from a thread of its own until it is closed; calls `look` a few times a second.

    Raises:
        UsageError: the address cannot be had.
    """

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
            super().__init__((address.host, address.port), _Handler, "preview")
        except OSError as error:
            raise UsageError(
                f"--preview {address.text}: {error.strerror}",
                expected="an address of this machine with a free port",
                hint="--preview :0 takes any free port",
            ) from error

    def server_bind(self) -> None:
        """All addresses of IPv6 are all addresses of IPv4 too."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

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


class _Handler(QuietHandler):
    server: Server
    do_HEAD = QuietHandler.do_GET  # noqa: N815 - http.server's name

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
            self.send(replace(refusal(405), headers={"Allow": ", ".join(METHODS)}))
            return False
        return is_request

    def finish(self) -> None:
        self.server.reading.pop(self.connection, None)
        super().finish()

    def answer(self) -> Answer:
        return self.server.answer(Request(self.command, self.path, self.headers))

    def send(self, answer: Answer) -> None:
        self.request_version = self.protocol_version  # also to clients who did not say theirs, or a strange one
        self.send_head(answer, Connection="close")
        if self.command != "HEAD":
            self.send_body(answer)
