"""Where the preview listens: `[HOST]:PORT`, on this machine alone unless a host is given."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass, replace

from edgevision_runtime.errors import UsageError

EXPECTED = ":PORT (this machine only) or HOST:PORT, such as :8080, 0.0.0.0:8080 or [::]:8080"
OWN_HOST = "127.0.0.1"
MOST_PORT = 65535


@dataclass(frozen=True)
class Address:
    """What a server binds to; port 0 is any that is free."""

    host: str  # an IP address
    port: int
    family: socket.AddressFamily

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback

    @property
    def text(self) -> str:
        """Host and port as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if self.family == socket.AF_INET6 else f"{self.host}:{self.port}"

    def with_port(self, port: int) -> Address:
        """The same with the port that was free."""
        return replace(self, port=port)


def parse_address(text: str) -> Address:
    """Read `[HOST]:PORT`; an IPv6 address stands in brackets.

    Raises:
        UsageError: it is none, or the host is not known.
    """
    match = re.fullmatch(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})", text.strip())
    if match is None or int(match["port"]) > MOST_PORT:
        hint = f"did you mean :{text}?" if text.isdecimal() else ""
        raise UsageError(f"--preview {text!r}", expected=EXPECTED, hint=hint)
    host = match["v6"] or match["host"] or OWN_HOST
    try:
        found = socket.getaddrinfo(host, int(match["port"]), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--preview {text}: the host {host} is not known ({error})", expected=EXPECTED) from error
    family, _, _, _, place = found[0]
    return Address(str(place[0]), int(match["port"]), family)
