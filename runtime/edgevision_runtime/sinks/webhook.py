"""Posts each result and event as JSON to a web server; what cannot be delivered may wait on disk."""

from __future__ import annotations

import json
import time
import uuid

from edgevision_runtime.messages import Event, Message, Result
from edgevision_runtime.sinks import MessageRefused, SinkSetup, SinkUnavailable
from edgevision_runtime.sinks.document import to_document
from edgevision_runtime.sinks.post import Poster, parse_post_address
from edgevision_runtime.sinks.spool import Spool

DELIVERS_FOR_S = 1.0  # from the spool, before new messages are looked at
LOOKS_EVERY_S = 1.0


def open_webhook(target: str, setup: SinkSetup) -> WebhookSink:
    """The sink for an address, with or without a spool. Raises UsageError."""
    address = parse_post_address(target)
    poster = Poster(address)
    if address.spool is None:
        return WebhookSink(poster)
    return SpoolingWebhookSink(poster, Spool(address.spool, address.spool_bytes))


class WebhookSink:
    """One POST a message; what cannot be delivered waits in the queue before it."""

    needs_image = False

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    def write(self, result: Result) -> None:
        """Post one result."""
        self._deliver(*_letter(result))

    def tell(self, event: Event) -> None:
        """Post one event."""
        self._deliver(*_letter(event))

    def close(self) -> None:
        """Hang up."""
        self._poster.close()

    def _deliver(self, identity: str, body: bytes) -> None:
        self._poster.post(identity, body)


class SpoolingWebhookSink(WebhookSink):
    """What cannot be delivered goes into the spool, and everything after it, so that the order stays."""

    def __init__(self, poster: Poster, spool: Spool) -> None:
        super().__init__(poster)
        self._spool = spool

    @property
    def lost(self) -> int:
        """Messages that the spool had no room for."""
        return self._spool.lost

    def keep(self, message: Message) -> None:
        """Put it into the spool."""
        self._spool.put(*_letter(message))

    def attend(self) -> float:
        """Deliver what waits, oldest first, for a while."""
        ends_s = time.monotonic() + DELIVERS_FOR_S
        while (oldest := self._spool.oldest()) is not None:
            waiting, body = oldest
            try:
                self._poster.post(waiting.identity, body)
            except MessageRefused:
                self._spool.remove(waiting)
                self._spool.lost += 1
                raise
            self._spool.remove(waiting)
            if time.monotonic() > ends_s:
                return 0.0
        return LOOKS_EVERY_S

    def close(self) -> None:
        """Hang up; the next process delivers what waits."""
        super().close()
        self._spool.close()

    def _deliver(self, identity: str, body: bytes) -> None:
        if not len(self._spool):
            try:
                self._poster.post(identity, body)
                return
            except SinkUnavailable:  # told when the spool cannot be emptied
                pass
        self._spool.put(identity, body)


def _letter(message: Message) -> tuple[str, bytes]:
    """A name of its own, and the document."""
    return uuid.uuid4().hex, json.dumps(to_document(message)).encode()
