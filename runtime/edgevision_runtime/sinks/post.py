"""Posts bytes to a web server, over one connection for as long as that lasts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edgevision_runtime import __version__
from edgevision_runtime.cameras.query import Parser, duration_s, parse_query
from edgevision_runtime.errors import UsageError
from edgevision_runtime.redact import redact
from edgevision_runtime.sinks import MessageRefused, SinkUnavailable
from edgevision_runtime.sinks.settings import megabytes, read_secret

EXPECTED = "webhook:https://HOST/PATH, with #token-file=FILE&spool=FOLDER after it where wanted"
ANSWERS_WITHIN_S = 10.0
SPOOL_BYTES = 50_000_000
REFUSES_THE_MESSAGE = frozenset({400, 409, 413, 414, 415, 422})  # other failures are about the place, and may pass
MOST_READ_BYTES = 65536  # of an answer that nobody looks at


@dataclass(frozen=True)
class PostAddress:
    """Where to post, how to prove who posts, and what to do while nobody answers."""

    host: str
    port: int | None
    path: str  # with its query, which belongs to the server
    timeout_s: float
    tls: ssl.SSLContext | None
    basic: str | None  # user:password
    token_file: str | None
    secret: str | None  # signs each message
    spool: Path | None
    spool_bytes: int

    @property
    def place(self) -> str:
        """For people; a path can be a secret."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


def parse_post_address(text: str) -> PostAddress:
    """What stands after `webhook:`; settings follow a `#`, which servers never see. Raises UsageError."""
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError as error:
        raise UsageError(f"webhook {redact(text)}: {error}", expected=EXPECTED) from error
    if split.scheme not in ("http", "https") or not split.hostname:
        raise UsageError(f"webhook {redact(text)}", expected=EXPECTED)
    given = parse_query("webhook", split.fragment, _FIELDS)
    has_user = split.username is not None
    if has_user and "token-file" in given:
        raise UsageError("webhook: a user name and a token", expected="one of them")
    if "ca" in given and split.scheme == "http":
        raise UsageError("webhook: ca without TLS", expected="https://…")
    if "spool-mb" in given and "spool" not in given:
        raise UsageError("webhook: spool-mb without spool", expected="#spool=FOLDER&spool-mb=10")
    if "token-file" in given:
        read_secret(given["token-file"])  # a file that cannot be read shall show at the start
    return PostAddress(
        host=split.hostname,
        port=port,
        path=(split.path or "/") + (f"?{split.query}" if split.query else ""),
        timeout_s=given.get("timeout", ANSWERS_WITHIN_S),
        tls=_tls(given.get("ca")) if split.scheme == "https" else None,
        basic=f"{unquote(split.username or '')}:{unquote(split.password or '')}" if has_user else None,
        token_file=given.get("token-file"),
        secret=read_secret(given["secret-file"]) if "secret-file" in given else None,
        spool=Path(given["spool"]) if "spool" in given else None,
        spool_bytes=given.get("spool-mb", SPOOL_BYTES),
    )


class Poster:
    """A client of one address, for one thread."""

    def __init__(self, address: PostAddress) -> None:
        self._address = address
        self._connection: http.client.HTTPConnection | None = None

    def post(self, identity: str, body: bytes) -> None:
        """Deliver one JSON document; `identity` tells the server of one that comes twice.

        Raises:
            SinkUnavailable: the server is not there, does not answer, or cannot take anything now.
            MessageRefused: it will not take this message.
        """
        status, reason = self._send(body, self._headers(identity, body))
        if 200 <= status < 300:
            return
        what = f"server {self._address.place} answers {status} {reason}".rstrip()
        raise MessageRefused(what) if status in REFUSES_THE_MESSAGE else SinkUnavailable(what)

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _headers(self, identity: str, body: bytes) -> dict[str, str]:
        address = self._address
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"edgevision-runtime/{__version__}",
            "X-Edgevision-Delivery": identity,
        }
        if address.token_file is not None:  # read each time: tokens are exchanged
            try:
                headers["Authorization"] = f"Bearer {read_secret(address.token_file)}"
            except UsageError as error:
                raise SinkUnavailable(str(error)) from error
        elif address.basic is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(address.basic.encode()).decode()}"
        if address.secret is not None:
            signature = hmac.new(address.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Edgevision-Signature"] = f"sha256={signature}"
        return headers

    def _send(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Status and reason. A connection that the server has closed meanwhile is made anew, once."""
        was_open = self._connection is not None
        try:
            return self._exchange(body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if not was_open:
                raise SinkUnavailable(self._says("hangs up")) from error
        except SinkUnavailable:
            self.close()
            raise
        return self._send(body, headers)

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        address = self._address
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request("POST", address.path, body, headers)
            answer = self._connection.getresponse()
            if len(answer.read(MOST_READ_BYTES)) == MOST_READ_BYTES:
                self.close()
            return answer.status, answer.reason
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            raise
        except ssl.SSLCertVerificationError as error:
            raise SinkUnavailable(self._says(f"is not trusted: {error.verify_message}")) from error
        except ssl.SSLError as error:
            raise SinkUnavailable(self._says(f"does not speak TLS as asked ({error.reason})")) from error
        except socket.timeout as error:  # another class in Python 3.9
            raise SinkUnavailable(self._says(f"does not answer within {address.timeout_s:g} s")) from error
        except (OSError, UnicodeError) as error:
            raise SinkUnavailable(self._says(f"cannot be reached: {getattr(error, 'strerror', error)}")) from error
        except http.client.HTTPException as error:
            raise SinkUnavailable(self._says(f"does not speak HTTP ({type(error).__name__})")) from error

    def _connect(self) -> http.client.HTTPConnection:
        address = self._address
        if address.tls is None:
            return http.client.HTTPConnection(address.host, address.port, timeout=address.timeout_s)
        return http.client.HTTPSConnection(address.host, address.port, timeout=address.timeout_s, context=address.tls)

    def _says(self, what: str) -> str:
        return f"server {self._address.place} {what}"


def _tls(authority: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"webhook: {authority} cannot be used as an authority: {error.strerror}") from error


_FIELDS: dict[str, Parser] = {
    "spool": str,
    "spool-mb": megabytes,
    "token-file": str,
    "secret-file": str,
    "timeout": duration_s,
    "ca": str,
}
