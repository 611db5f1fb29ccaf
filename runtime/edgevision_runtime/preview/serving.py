"""Opens what the flags of the preview ask for, and closes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from edgevision_runtime.errors import UsageError
from edgevision_runtime.opencv import opencv
from edgevision_runtime.preview.access import Access, read_token
from edgevision_runtime.preview.address import parse_address
from edgevision_runtime.preview.healthz import ANSWERS_WITHIN_S, Vigil
from edgevision_runtime.preview.routes import Routes
from edgevision_runtime.preview.server import Server
from edgevision_runtime.status import RunStatus

LATE_PERIODS = 3  # with --max-fps: after as many periods without an answer something is wrong


@contextmanager
def serve_preview(
    options: Mapping[str, Any],
    status: RunStatus,
    *,
    tell: Callable[[str], None],
    most_fps: Sequence[float | None] = (),
) -> Iterator[str]:
    """Serve a run while this is open; yields the page's URL, without the token, and gives it to `tell`.

    `options` are those of `run`, `most_fps` the cameras' limits. Without `--preview` this does nothing.

    Raises:
        UsageError: the address or the token cannot be, or the port is taken.
        MissingDependency: there is no OpenCV to encode pictures.
    """
    token, token_file = options["preview_token"], options["preview_token_file"]
    if options["preview"] is None:
        if token is not None or token_file is not None:
            raise UsageError("a token without a preview", expected="--preview [HOST]:PORT with it")
        yield ""
        return
    address = parse_address(options["preview"])
    access = Access(address, read_token(token, token_file))
    periods_s = [1 / fps for fps in most_fps if fps]
    vigil = Vigil(status, max([ANSWERS_WITHIN_S, *(LATE_PERIODS * period_s for period_s in periods_s)]))
    routes = Routes(status, access, vigil)
    server = Server(address, routes.answer, vigil.look)
    url = f"http://{address.with_port(server.port).text}/"
    opencv()  # now: half imported by a viewer's thread, the module stops whoever looks for it in another
    tell(f"preview: {url}{' (needs the token)' if access.has_token else ''}")
    server.start()
    try:
        yield url
    finally:
        routes.end()
        server.close()
