"""A token is traded for a cookie, which other sites cannot have a browser send, and which scripts cannot read."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie


def proof_of(token: str, purpose: str) -> str:
    """What only who has the token can say; the token cannot be told from it."""
    return hmac.new(token.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def is_same(given: str, kept: str) -> bool:
    """In a time that does not depend on how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), kept.encode())


@dataclass(frozen=True)
class Cookie:
    """One that stands for a token. Its name must be its own: browsers send a host's cookies to all of its ports."""

    name: str
    value: str = field(repr=False)

    @property
    def header(self) -> str:
        """For `Set-Cookie`."""
        return f"{self.name}={self.value}; Path=/; HttpOnly; SameSite=Strict"

    def is_in(self, header: str) -> bool:
        """Whether a `Cookie` header holds it."""
        try:
            found = SimpleCookie(header).get(self.name)
        except CookieError:
            return False
        return found is not None and is_same(found.value, self.value)
