"""Hashes what a run does not read of its bundles while it runs: what is off there ends it, only a little later.

Nothing that a run uses waits for this: each member is hashed when it is read, before anything is made of it. A bundle
that is overwritten meanwhile is judged by who watches it (`swap`), and the run goes on with what it has.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from edgevision_runtime.errors import BundleError
from edgevision_runtime.unread_members import UnreadMembers

STARTS_AFTER_S = 1.0  # the first answers come before
REST = 4.0  # times as long as it works, it rests: Python's own SHA-256 may hold the interpreter's lock meanwhile
NICENESS = 10


class LateCheck:
    """A thread of low priority that checks what was left unread; a context manager. The thread calls `broken`."""

    def __init__(self, unread: Sequence[UnreadMembers], *, broken: Callable[[], None]) -> None:
        self._unread, self._broken = unread, broken
        self._failure: BundleError | None = None
        self._is_done = not any(unread)
        self._is_over = False  # nobody waits for the verdict any more
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="late check", daemon=True)

    def finish(self, *, waits: bool = True) -> None:
        """Say what was found; with `waits` after everything has been checked, now without rests.

        Raises:
            BundleError: a member is not what the manifest says.
        """
        if waits and not self._is_done:
            self._hurry.set()
            self._thread.join()
            if not self._is_done:
                self._failure = BundleError("bundle", "its check broke off", hint="its traceback stands on stderr")
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> LateCheck:
        if not self._is_done:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_over = True
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join()  # a block takes milliseconds

    def _run(self) -> None:
        with suppress(OSError):  # a filter of system calls may forbid it; then it is only less gentle
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)  # on Linux: of this thread
        self._hurry.wait(STARTS_AFTER_S)
        try:
            for members in self._unread:
                members.check(self._rest)
        except BundleError as error:
            self._failure = error  # raised where the run was started
            self._broken()
        self._is_done = True

    def _rest(self, worked_s: float) -> bool:
        self._hurry.wait(worked_s * REST)
        return self._is_over
