"""Takes credentials out of what is shown."""

from __future__ import annotations

import re

_USER_INFO = re.compile(r"(?<=:/)(/?)[^/\s]*@")  # with one slash where a Path has swallowed the other
_SECRET_PARAMETER = re.compile(r"(?i)([?&](?:[a-z_]*(?:password|passwd|pwd|token|secret|key))=)[^&\s#]+")


def redact(text: str) -> str:
    """`text` without user names, passwords and tokens in its URLs."""
    return _SECRET_PARAMETER.sub(r"\1***", _USER_INFO.sub(r"\1***@", text))
