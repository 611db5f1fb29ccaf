"""A web server on loopback that answers as a test wants."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class WebServer:
    """Remembers what is posted; `status` is what it answers, and it hangs while `goes_on` is clear."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []  # accepted documents
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.status = 200
        self.hangs_up = False
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=abc"

    @property
    def frames(self) -> list[int]:
        return [document["frame"] for document in list(self.posted)]

    def start(self) -> None:
        """On the same port as before, if there was one."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.goes_on.set()
        self.stop()


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            server.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.paths.append(self.path)
            server.headers.append(dict(self.headers))
            server.goes_on.wait()
            if server.hangs_up:
                self.close_connection = True
                return
            if server.status < 300:
                server.bodies.append(body)
                server.posted.append(json.loads(body))
            self.send_response(server.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
