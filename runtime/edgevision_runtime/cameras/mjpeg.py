"""Motion JPEG over HTTP, part by part: a picture is shown when all of it has arrived.

OpenCV's FFmpeg would do, but when a camera dies in the middle of a picture it hands out the half that came with the
rest made up, which no camera produced. Here such a picture is refused.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from edgevision_runtime.cameras.feed import Captured, LinkLost
from edgevision_runtime.cameras.granted import Granted
from edgevision_runtime.cameras.jpeg import decode_jpeg, jpeg_length, reduction_for
from edgevision_runtime.types import Image

MULTIPART = "multipart/"
LARGEST_PART = 64 << 20  # bytes
CHUNK = 1 << 16


class MjpegLink:
    """One HTTP connection that delivers JPEGs as a multipart answer."""

    def __init__(self, response: http.client.HTTPResponse, needed_size: tuple[int, int] | None) -> None:
        self.damaged = 0  # whole parts that were no whole JPEG
        self.granted: Granted | None = None
        self._response = response
        self._needed_size = needed_size
        self._buffer = bytearray()
        self._reduce: int | None = None  # known after the first picture

    def read(self) -> Captured:
        """See `Link`."""
        while True:
            data = self._next_part()
            captured_s = time.monotonic()
            image = self._decode(data)
            if image is not None:
                return Captured(image, captured_s)
            self.damaged += 1

    def close(self) -> None:
        """See `Link`."""
        self._response.close()

    def _decode(self, data: bytes) -> Image | None:
        if self._reduce is None:
            image = decode_jpeg(data)
            if image is None:
                return None
            size = image.shape[1], image.shape[0]
            self._reduce = reduction_for(size, self._needed_size)
            self.granted = Granted("MJPG", size, None, (-(-size[0] // self._reduce), -(-size[1] // self._reduce)))
            return image if self._reduce == 1 else self._decode(data)
        return decode_jpeg(data, self._reduce)

    def _next_part(self) -> bytes:
        """The body of the next part. Raises LinkLost when the connection ends within it."""
        length = _stated_length(self._take_head())
        if length is not None:
            while len(self._buffer) < length:
                self._receive()
            return self._take(length)
        while True:
            try:
                end = jpeg_length(bytes(self._buffer)) if len(self._buffer) > 3 else None
            except ValueError as error:
                raise LinkLost(f"the stream holds something else than JPEGs: {error}") from error
            if end is not None:
                return self._take(end)
            self._receive()

    def _take_head(self) -> bytes:
        """The boundary line and the header lines of the next part."""
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")  # what ends the part before
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0:
                return self._take(end + 4)
            if len(self._buffer) > CHUNK:
                raise LinkLost("the stream is not the multipart answer it says it is")
            self._receive()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _receive(self) -> None:
        if len(self._buffer) > LARGEST_PART:
            raise LinkLost(f"a picture of more than {LARGEST_PART >> 20} MB")
        try:
            chunk = self._response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise LinkLost(f"the connection broke: {error}") from error
        if not chunk:
            raise LinkLost("the server ended the stream")
        self._buffer += chunk


def request_stream(url: str, timeout_s: float) -> http.client.HTTPResponse:
    """GET a URL, its user name and password sent as Basic or Digest asks for; no proxy, a camera is near.

    Raises:
        LinkLost: no answer in time, or one that is not 200.
    """
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, bare, unquote(parts.username), unquote(parts.password or ""))
    handlers = (
        urllib.request.HTTPHandler(),
        _HttpsHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    )
    opener = urllib.request.OpenerDirector()
    for handler in handlers:
        opener.add_handler(handler)
    try:
        response: Any = opener.open(bare, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        raise LinkLost(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:  # URLError is an OSError
        raise LinkLost(f"no answer: {getattr(error, 'reason', error)}") from error
    finally:
        for handler in handlers:
            del handler.parent  # which holds it: a circle that would wait for the garbage collector
    answer: http.client.HTTPResponse = response
    return answer


class _HttpsHandler(urllib.request.AbstractHTTPHandler):
    """Loads the certificates for `https:` only; since Python 3.12 urllib's own does so whenever one is made.

    At an `http:` camera each attempt then takes 20 ms, and keeps its certificates until the garbage collector comes.
    """

    https_request = urllib.request.AbstractHTTPHandler.do_request_

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPSConnection, request)


def _stated_length(head: bytes) -> int | None:
    """What `Content-Length` says."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return min(int(value), LARGEST_PART)
    return None
