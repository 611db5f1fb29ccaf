"""Hide what C++ libraries chat to stderr, past Python and past any log level."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_native_chatter() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment; Python's exceptions are unaffected.

    Used around the import of TensorFlow and the construction of an interpreter, whose errors are Python exceptions and
    whose chatter ("Created XNNPACK delegate") says nothing to a user. Only in the main thread: when another one loads
    a model while a run goes on, the descriptor belongs to what the run has to say, and the chatter stays.
    """
    is_free = threading.current_thread() is threading.main_thread()
    if sys.stderr is None or not is_free:  # None: started with stderr closed
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
