"""Who may look: whoever has the token, and on this machine's own address only pages of this machine.

A browser is given a cookie for a token in the address of the page. A page of another site that has its name point to
127.0.0.1 (DNS rebinding) is told apart by the `Host` that the browser sends.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from edgevision_runtime.errors import UsageError
from edgevision_runtime.pages.cookie import Cookie, is_same, proof_of
from edgevision_runtime.preview.address import Address

LEAST_LENGTH = 16
TOKEN = re.compile(rf"[A-Za-z0-9._~-]{{{LEAST_LENGTH},}}")
EXPECTED = f"{LEAST_LENGTH} or more of letters, digits and . _ ~ -"
HINT = "make one with: openssl rand -hex 16"


def read_token(token: str | None, file: Path | None) -> str | None:
    """The token from a flag's value or a file's content; None when there is neither.

    Raises:
        UsageError: both are given, the file cannot be read, or it is not fit for a token (which is not told).
    """
    if token is not None and file is not None:
        raise UsageError("both --preview-token and --preview-token-file", expected="one of them")
    where = "--preview-token"
    if file is not None:
        where = f"--preview-token-file {file}"
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise UsageError(f"{where}: {reason}", expected="a file with the token", hint=HINT) from error
    if token is not None and not TOKEN.fullmatch(token):
        raise UsageError(f"{where}: not fit for a token", expected=EXPECTED, hint=HINT)
    return token


class Access:
    """Judges requests. Without a token everybody who can reach `address` may look.

    Raises:
        UsageError: others can reach the address, and there is no token.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        if token is None and not address.is_loopback:
            raise UsageError(
                f"--preview {address.text} lets the whole network look",
                expected="a token with it: --preview-token-file FILE",
                hint=f"{HINT}; or use --preview :{address.port} for this machine only",
            )
        self._is_loopback = address.is_loopback
        self._token = token
        name = f"edgevision_preview_{self._proof('name')[:8]}"  # another for each token
        self._cookie = Cookie(name, self._proof("cookie"))

    @property
    def has_token(self) -> bool:
        """Whether one is asked for."""
        return self._token is not None

    @property
    def cookie(self) -> str:
        """The cookie that stands for the token, and outlives a restart; the token cannot be told from it."""
        return self._cookie.header

    def is_own_host(self, host: str) -> bool:
        """Whether a `Host` header may be what a browser was sent to."""
        if not self._is_loopback:
            return True  # the token protects it: a cookie goes to the name that it came from, and to no other
        name = host.strip()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name.lower().rstrip(".") == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def knows_token(self, token: str) -> bool:
        """Whether this is the token, in a time that does not depend on how much of it is right."""
        return self._token is None or is_same(token, self._token)

    def may_look(self, *, authorization: str, cookies: str, token: str) -> bool:
        """Whether a request shows the token: as `Authorization: Bearer`, as a cookie, or in its address."""
        if self._token is None:
            return True
        scheme, _, bearer = authorization.partition(" ")
        if scheme.lower() == "bearer" and self.knows_token(bearer.strip()):
            return True
        if token and self.knows_token(token):
            return True
        return self._cookie.is_in(cookies)

    def _proof(self, purpose: str) -> str:
        return proof_of(self._token or "", f"edgevision preview {purpose}")
