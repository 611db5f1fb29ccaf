"""HTTP as every page needs it: a thread of its own, and answers that let a browser do no more than it must."""

from __future__ import annotations

import http.client
import socketserver
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Optional

LOOK_EVERY_S = 0.2
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
class Answer:
    """What a request gets; `parts` of unknown length are sent as they come, and end the connection."""

    code: int
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Optional[Generator[bytes, None, None]] = None  # noqa: UP045  Python 3.9 evaluates this


def refusal(code: int, why: str = "") -> Answer:
    """A line of text that says no."""
    return Answer(code, body=f"{why or http.client.responses.get(code, 'refused')}\n".encode())


class ThreadedServer(socketserver.ThreadingMixIn, HTTPServer):
    """Listens at once, on `port`; serves from a thread of its own, and each client from another, until it is closed.

    Raises:
        OSError: the address cannot be had.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[QuietHandler], name: str) -> None:
        super().__init__(address, handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(LOOK_EVERY_S,), name=name, daemon=True)

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def close(self) -> None:
        """Take no more clients; what is being sent ends by itself."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """As HTTPServer does, without asking the network for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.port = int(self.socket.getsockname()[1])  # that was asked for, or that was free

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away or was too slow is nobody's fault; all else is ours, and shown whole."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class QuietHandler(BaseHTTPRequestHandler):
    """Sends answers; tells nothing of us or of the request in what it refuses, and logs nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; for other methods too where they are bound to this one."""
        self.send(self.answer())

    def answer(self) -> Answer:
        """What the request gets."""
        raise NotImplementedError

    def send(self, answer: Answer) -> None:
        """All of it."""
        self.send_head(answer)
        self.send_body(answer)

    def send_head(self, answer: Answer, **more: str) -> None:
        """The status and the headers: those that all answers have, `more`, and the answer's; the last one wins."""
        self.send_response(answer.code)
        length = {} if answer.parts is not None else {"Content-Length": str(len(answer.body))}
        every = {**SECURITY_HEADERS, "Content-Type": answer.content_type, **more, **length}
        for name, value in {**every, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_body(self, answer: Answer) -> None:
        """The rest."""
        self.wfile.write(answer.body)
        if answer.parts is not None:
            self.close_connection = True  # which is how a client knows where they end
            with closing(answer.parts) as parts:
                for part in parts:
                    self.wfile.write(part)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, in our words: nothing of the request is repeated."""
        self.close_connection = True
        self.send(refusal(code))

    def version_string(self) -> str:
        """Versions are nobody's business."""
        return "edgevision"

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: their addresses may hold the token."""
