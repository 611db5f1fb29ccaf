"""Tell systemd how a run is: READY, STATUS, WATCHDOG, RELOADING, STOPPING, over the datagram socket it gives a service.

READY is sent when the models are loaded and the cameras are being opened, not at the first result: a camera that is
switched off would otherwise let the start time out. From then on WATCHDOG=1 is the promise that the run does its work:
it is sent only when a fresh frame has been answered, so a hung driver, a hung library and a frozen picture all end in a
restart, after the unit's `WatchdogSec=`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import Event, Result

STATUS_EVERY_S = 10.0
KICKS_A_WATCHDOG = 4  # at most so many in the time after which systemd would end the service
OLDEST_FRESH_S = 30.0  # a frame that is older when it is answered is no sign of life


class ServiceSocket(NamedTuple):
    """Where a service manager listens, and how often it wants to hear."""

    address: str  # a path, or "@name" in the abstract namespace
    watchdog_s: float | None = None  # None: it does not ask


def service_socket(environment: Mapping[str, str], process_id: int) -> ServiceSocket | None:
    """What systemd says to a process in NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; None: it is not asked.

    Raises:
        UsageError: an address or a number that cannot be.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return None
    if address[0] not in "/@":
        raise UsageError(f"NOTIFY_SOCKET is {address!r}", expected="a path, or @ and a name")
    period, owner = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not period or owner not in ("", str(process_id)):
        return ServiceSocket(address)
    if not period.isdecimal() or int(period) == 0:
        raise UsageError(f"WATCHDOG_USEC is {period!r}", expected="a number of microseconds")
    return ServiceSocket(address, int(period) / 1e6)


class ServiceNotifier:
    """An observer of a run that tells systemd. It never blocks; what cannot be sent is kept in `failure`.

    `describe` makes the status text; it is asked at most every `STATUS_EVERY_S`.
    """

    def __init__(
        self,
        where: ServiceSocket,
        *,
        describe: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failure = ""  # why the latest message could not be sent
        self._describe, self._clock = describe, clock
        self._kick_every_s = None if where.watchdog_s is None else where.watchdog_s / KICKS_A_WATCHDOG
        self._kicked_s = self._described_s = float("-inf")
        self._is_reloading = False
        self._captured_s: dict[str, float] = {}  # by camera: of the latest frame that counted
        import socket  # only a service pays for it

        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._address = f"\0{where.address[1:]}" if where.address.startswith("@") else where.address

    def ready(self) -> None:
        """The models are loaded and the cameras are being opened.

        Raises:
            UsageError: systemd cannot be reached; it would wait in vain and then end the service.
        """
        self._send("READY=1", f"STATUS={_one_line(self._describe())}")
        if self.failure:
            raise UsageError(f"NOTIFY_SOCKET cannot be written: {self.failure}", hint="Type=notify in the unit?")

    def write(self, result: Result) -> None:
        """A frame has been answered."""
        self.frame_done(result.camera, result.prediction.captured_s, result.prediction.age_ms)

    def frame_done(self, camera: str, captured_s: float, age_ms: float) -> None:
        """A frame has been dealt with: answered, or looked at and found still. It counts when it is new and fresh."""
        if age_ms > OLDEST_FRESH_S * 1e3 or captured_s <= self._captured_s.get(camera, float("-inf")):
            return
        self._captured_s[camera] = captured_s
        now_s, lines = self._clock(), []
        if self._kick_every_s is not None and now_s - self._kicked_s >= self._kick_every_s:
            self._kicked_s = now_s
            lines.append("WATCHDOG=1")
        if now_s - self._described_s >= STATUS_EVERY_S:
            self._described_s = now_s
            lines.append(f"STATUS={_one_line(self._describe())}")
        if lines:
            self._send(*lines)

    def tell(self, event: Event) -> None:
        """A camera that went away and a model's exchange show in the status; an exchange in the state, too."""
        if event.kind == "model":
            self._send(*self._exchange(event.name), f"STATUS={_said(event)}")
        elif event.kind == "camera":
            self._send(f"STATUS={_said(event)}")

    def stopping(self) -> None:
        """The run comes to its end."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def __enter__(self) -> ServiceNotifier:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopping()
        self.close()

    def _exchange(self, name: str) -> list[str]:
        """`checking` begins a reload, what follows ends it. systemd 253 on wants the time, earlier ones ignore it."""
        was_reloading, self._is_reloading = self._is_reloading, name == "checking"
        if self._is_reloading:
            return ["RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"]
        return ["READY=1"] if was_reloading else []

    def _send(self, *lines: str) -> None:
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
            self.failure = ""
        except OSError as error:  # full, or systemd starts anew; the next message tries again
            self.failure = str(error.strerror)


def _said(event: Event) -> str:
    reason = str(event.detail.get("reason", ""))
    return _one_line(f"{event.camera or event.kind}: {event.name}{f' ({reason})' if reason else ''}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
