"""Hide what C++ libraries chat to stderr, past Python and past any log level."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_native_chatter() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment; Python's exceptions are unaffected.

    Used around the import of TensorFlow and the construction of an interpreter, whose errors are Python exceptions and
    whose chatter ("Created XNNPACK delegate") says nothing to a user. Not in two threads at a
    time, nor for threads that write to stderr meanwhile.
    """
    if sys.stderr is None:  # started with stderr closed
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
