"""A page for one person on this machine: HTTP on 127.0.0.1, for whoever has the token, and for no page of another site.

The token stands in the address that is printed. A browser gets a cookie for it, which other sites cannot make it send,
and requests that change something must come from this page.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from edgevision_runtime.errors import UsageError
from edgevision_runtime.pages.cookie import Cookie, is_same, proof_of
from edgevision_runtime.pages.server import Answer, QuietHandler, ThreadedServer, refusal

HOST = "127.0.0.1"
OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")  # another port is fine: `ssh -L` forwards it
MOST_BODY_BYTES = 64 << 10
IDLE_S = 60.0  # that a connection may say nothing


@dataclass(frozen=True)
class Request:
    """What the page asks for."""

    method: str  # GET | POST
    path: str
    query: Mapping[str, list[str]]
    body: bytes


class PageServer(ThreadedServer):
    """Serves `answer` from a thread of its own until it is closed. Port 0 is any that is free.

    Raises:
        UsageError: the port cannot be had.
    """

    def __init__(self, answer: Callable[[Request], Answer], port: int = 0) -> None:
        self.answer = answer
        self.is_over = False
        self._token = secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler, "page")
        except OSError as error:
            raise UsageError(
                f"port {port}: {error.strerror}", expected="a free port", hint="--port 0 takes any"
            ) from error
        self.cookie = Cookie(f"edgevision_label_{self.port}", proof_of(self._token, "edgevision label cookie"))

    @property
    def url(self) -> str:
        """What to open, with the token."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    def close(self) -> None:
        """Take no more requests, also from browsers that are connected."""
        self.is_over = True
        super().close()

    def knows_token(self, token: str) -> bool:
        """Whether this is the one in the address."""
        return is_same(token, self._token)


class _Handler(QuietHandler):
    server: PageServer
    timeout = IDLE_S
    do_POST = QuietHandler.do_GET  # noqa: N815 - http.server's name

    def answer(self) -> Answer:
        if self.server.is_over:
            self.close_connection = True
            return refusal(503)
        host = self.headers.get("Host", "")
        is_post = self.command == "POST"
        body = self._body() if is_post else b""
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
            return Answer(303, headers={"Set-Cookie": self.server.cookie.header, "Location": "./"})
        if not self.server.cookie.is_in(self.headers.get("Cookie", "")):
            return refusal(401, "open the address that `edgevision label` printed: it has the token")
        if is_post and not self._is_from_this_page(host):
            return refusal(403)
        return self.server.answer(Request(self.command, target.path, query, body))

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


def _is_own(host: str) -> bool:
    """Whether a `Host` header names this machine; a name of another site may point here (DNS rebinding)."""
    name = host.strip().lower()
    name = name[: name.index("]") + 1] if name.startswith("[") and "]" in name else name.partition(":")[0]
    return name.rstrip(".") in OWN_NAMES
