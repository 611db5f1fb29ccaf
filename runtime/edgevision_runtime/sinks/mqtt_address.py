"""What stands in `--sink mqtt://user@host:1883/base/topic?qos=1`, and what of it cannot be."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from edgevision_runtime.cameras.query import Parser, one_of, parse_query
from edgevision_runtime.errors import UsageError
from edgevision_runtime.redact import redact
from edgevision_runtime.sinks.settings import read_secret, yes_or_no
from edgevision_runtime.sinks.slugs import slug

PORTS = {"mqtt": 1883, "mqtts": 8883}
EXPECTED = "mqtt://HOST/BASE/TOPIC, or mqtts://HOST:8883/BASE/TOPIC with a user before HOST and ?password-file=FILE"
DISCOVERY_PREFIX = "homeassistant"
_ONLY_WITH_TLS = ("ca", "cert", "key", "insecure")


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker is, how to talk to it, and what to tell it."""

    host: str
    port: int
    base: str  # topic that all others begin with
    user: str | None
    password: str | None
    qos: int  # 0, 1 or 2
    keeps_results: bool  # whether the broker keeps the latest result for who comes later
    has_discovery: bool  # for Home Assistant
    client_id: str | None
    tls: ssl.SSLContext | None

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.host}:{self.port}"


def parse_address(text: str) -> BrokerAddress:
    """Raises UsageError for what cannot be, and for files that cannot be read."""
    try:
        split = urlsplit(text)
        port = split.port or PORTS.get(split.scheme, 0)
    except ValueError as error:
        raise UsageError(f"{redact(text)}: {error}", expected=EXPECTED) from error
    if split.scheme not in PORTS or not split.hostname or split.fragment:
        raise UsageError(f"broker {redact(text)}", expected=EXPECTED)
    given = parse_query(split.scheme, split.query, _FIELDS)
    for name in _ONLY_WITH_TLS:
        if name in given and split.scheme != "mqtts":
            raise UsageError(f"{split.scheme}: {name} without TLS", expected="mqtts://…")
    user = unquote(split.username) if split.username is not None else None
    return BrokerAddress(
        host=split.hostname,
        port=port,
        base=_base(split),
        user=user,
        password=_password(split, given, user),
        qos=given.get("qos", 1),
        keeps_results=given.get("retain", False),
        has_discovery="discovery" in given,
        client_id=given.get("client-id"),
        tls=_tls(given) if split.scheme == "mqtts" else None,
    )


def _base(split: SplitResult) -> str:
    base = unquote(split.path).strip("/") or f"edgevision/{slug(socket.gethostname())}"
    if any(sign in base for sign in "+#\0") or base.startswith("$"):
        raise UsageError(f"topic {base!r}", expected="one without + and #, not beginning with $")
    return base


def _password(split: SplitResult, given: dict[str, Any], user: str | None) -> str | None:
    file = given.get("password-file")
    if file is not None and split.password is not None:
        raise UsageError("two passwords", expected="the one in password-file only")
    if file is not None and user is None:
        raise UsageError("a password without a user name", expected="mqtt://USER@HOST/TOPIC?password-file=FILE")
    if file is None:
        return unquote(split.password) if split.password is not None else None
    return read_secret(file)


def _tls(given: dict[str, Any]) -> ssl.SSLContext:
    files = [given[name] for name in ("ca", "cert", "key") if name in given]
    try:
        context = ssl.create_default_context(cafile=given.get("ca"))
        if "key" in given and "cert" not in given:
            raise UsageError("mqtts: key without cert", expected="cert=FILE&key=FILE")
        if "cert" in given:
            context.load_cert_chain(given["cert"], given.get("key"))
    except (OSError, ssl.SSLError) as error:
        missing = next((file for file in files if not Path(file).is_file()), None)
        why = f"{missing}: no such file" if missing else getattr(error, "reason", None) or error
        raise UsageError(f"mqtts: certificates cannot be used: {why}", expected="PEM files") from error
    if given.get("insecure"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _quality(text: str) -> int:
    if text not in ("0", "1", "2"):
        raise ValueError("0 (at most once), 1 (at least once) or 2 (once)")
    return int(text)


_FIELDS: dict[str, Parser] = {
    "qos": _quality,
    "retain": yes_or_no,
    "discovery": one_of(DISCOVERY_PREFIX),
    "password-file": str,
    "client-id": str,
    "ca": str,
    "cert": str,
    "key": str,
    "insecure": yes_or_no,
}
