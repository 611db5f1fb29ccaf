"""Exchanges the model of a run when its bundle was replaced, and lets the running one run when the new one is no good.

        SIGHUP ────────────────┐
        another file, stable ──┼─▶ open with all checks ─▶ choose ─▶ selftest ─▶ load ─▶ offer ─▶ "swapped"
        a smaller one wanted ──┘            └────────── anything off ──────────▶ "refused", and nothing has changed

The labels may be others, and so may the contract and the variant; the task may not, because what the sinks and rules of
a run expect hangs on it. A bundle is opened with the same key as at the start: where signatures are asked for, an
unsigned bundle is refused. One file is judged once, however often it is looked at; SIGHUP judges it again.

The golden vectors are computed in a thread of low priority, and the interpreter's lock is free while it infers: a run
shares a core with them for some dozens of inferences. For that time the new model is in memory beside the old one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision_runtime.engines import ENGINES
from edgevision_runtime.errors import CheckFailed, EdgeVisionError, ModelError
from edgevision_runtime.messages import HAPPENED, Event
from edgevision_runtime.redact import redact

if TYPE_CHECKING:
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.choice import Choice
    from edgevision_runtime.models import LoadedModel, ModelSlot
    from edgevision_runtime.selftest import SelftestResult

CHECK_S = 0.25  # how often the thread looks whether it was asked or shall end
POLL_S = 2.0  # how often it looks at the file, and how long that must have stayed the same
ENDS_WITHIN_S = 0.5  # how long the end of a run waits for a check that is under way
NICENESS = 10  # of the selftest
# what our own checks say, and what a library or the system may answer to a model that nobody has seen before
REFUSALS = (EdgeVisionError, OSError, MemoryError, RuntimeError, ValueError)
LESS_WORK = ("int8", "dynamic")  # precisions that compute less; float16 is smaller and computes the same

_busy: set[BundleWatcher] = set()  # those whose thread may be inside a library


class FileState(NamedTuple):
    """What tells one file from another without reading it."""

    target: str  # with symbolic links resolved: exchanging a link is how bundles are replaced at one stroke
    device: int
    inode: int
    modified_ns: int
    size_bytes: int


def prove(bundle: Bundle, choice: Choice) -> SelftestResult:
    """The selftest of the chosen variant on the chosen engine, with its delegate."""
    from edgevision_runtime.selftest import selftest

    return selftest(bundle, variant=choice.variant.name, engine=choice.engine, extras=choice.extras)


class SwapSetup(NamedTuple):
    """How a bundle becomes a model, in the same way as at the start of the run."""

    open: Callable[[Path], Bundle]
    choose: Callable[[Bundle, bool], Choice]  # True: a smaller variant than usual, if there is one
    load: Callable[[Bundle, Choice], LoadedModel]
    prove: Callable[[Bundle, Choice], SelftestResult] = prove
    wants_smaller: Callable[[], bool] = lambda: False
    poll_s: float = POLL_S


class BundleWatcher:
    """Watches the bundle of one slot in a thread of its own. A context manager.

    `tell` hears of events of the kind "model": checking, swapped, unchanged, refused. `swapped` is given the new model
    after the slot has it. Both are called in the watcher's thread.
    """

    def __init__(
        self,
        path: Path,
        slot: ModelSlot,
        setup: SwapSetup,
        *,
        tell: Callable[[Event], None],
        swapped: Callable[[LoadedModel], None] = lambda loaded: None,
    ) -> None:
        self._path, self._slot, self._setup = path, slot, setup
        self._tell, self._swapped = tell, swapped
        self._judged = self._seen = file_state(path)
        self._is_small = False
        self._is_asked = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"bundle {path.name}", daemon=True)

    def ask(self) -> None:
        """Judge the file as soon as possible, even one that was judged before; may be called by a signal handler."""
        self._is_asked = True  # no lock, which the interrupted thread might hold

    def look(self) -> None:
        """Look at the file once: exchange the model if it was asked for, or the file is another one and has settled."""
        is_asked, self._is_asked = self._is_asked, False
        state, before = file_state(self._path), self._seen
        self._seen = state
        wants_smaller = self._setup.wants_smaller()
        if is_asked or (state != self._judged and state == before):
            self._judged = state
            self._exchange(wants_smaller, "asked to" if is_asked else "another file")
        elif wants_smaller != self._is_small:
            self._exchange(wants_smaller, "a smaller variant for a hot board" if wants_smaller else "cool again")

    def __enter__(self) -> BundleWatcher:
        _busy.add(self)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(ENDS_WITHIN_S)

    def _run(self) -> None:
        try:
            looked_s = time.monotonic()
            while not self._stop.wait(CHECK_S):
                if self._is_asked or time.monotonic() - looked_s >= self._setup.poll_s:
                    self.look()
                    looked_s = time.monotonic()
        finally:
            _busy.discard(self)
            if not self._stop.is_set():  # a fault of ours: threading shows its traceback
                self._say("unwatched", reason="a fault ended the watch; models are exchanged again after a restart")

    def _exchange(self, wants_smaller: bool, why: str) -> None:
        """One attempt from the file to the slot; it ends in exactly one event."""
        present = self._slot.present
        self._is_small = wants_smaller
        self._say("checking", reason=why)
        try:
            bundle = self._setup.open(self._path)
            choice = self._setup.choose(bundle, wants_smaller)
            if (bundle.manifest_sha256, choice.variant.name) == (present.manifest_sha256, present.choice.variant.name):
                self._say("unchanged", reason=f"{self._path.name} is what runs")
                return
            _refuse_other_task(bundle, present)
            _require_pass(_gently(lambda: self._setup.prove(bundle, choice)))
            if self._stop.is_set():
                return
            loaded = self._setup.load(bundle, choice)
            if self._stop.is_set():  # the slot is closed, or will be
                loaded.close()
                return
            self._slot.offer(loaded)
        except REFUSALS as error:
            said = redact(str(error)) or type(error).__name__
            reason = said if self._path.name in said else f"{self._path.name}: {said}"
            self._say("refused", reason=reason, kept=present.title)
            return
        self._swapped(loaded)
        self._say(
            "swapped",
            reason=f"{loaded.title} ({choice.variant.name}) instead of {present.title} ({present.choice.variant.name})",
            old=present.title,
            new=loaded.title,
            variant=choice.variant.name,
            manifest_sha256=loaded.manifest_sha256,
            has_other_labels=loaded.spec.labels != present.spec.labels,
        )

    def _say(self, name: str, **detail: Any) -> None:
        self._tell(Event("model", name, HAPPENED, "", time.time(), {"path": str(self._path), **detail}))


def is_busy() -> bool:
    """Whether a watcher's thread still runs: a process that ends while it is inside a library is aborted by it.

    So flush everything then, and call `os._exit`.
    """
    return bool(_busy)


def file_state(path: Path) -> FileState | None:
    """The file that a path leads to now; None when there is none."""
    try:
        target = path.resolve()
        facts = target.stat()
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
        return None
    return FileState(str(target), facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size)


def smaller_choice(bundle: Bundle, choice: Choice) -> Choice | None:
    """The variant with the smallest file among those that compute less than the chosen one, on the same engine."""
    members = bundle.manifest.members  # nothing is read: freed again, it would stay in the allocator
    size_bytes = members[choice.variant.path].size_bytes
    candidates = [
        (members[variant.path].size_bytes, variant.name)
        for variant in bundle.variants
        if variant.format == ENGINES[choice.engine].format
        and variant.precision in (*LESS_WORK, choice.variant.precision)
    ]
    smallest_bytes, name = min(candidates)
    if smallest_bytes >= size_bytes:
        return None
    return choice._replace(variant=bundle.variant(name), reason="the board is hot")


def _refuse_other_task(bundle: Bundle, present: LoadedModel) -> None:
    if bundle.spec.task != present.spec.task:
        raise ModelError(
            f"{bundle.name} {bundle.version} is made to {bundle.spec.task}",
            expected=f"a model to {present.spec.task}, as {present.title}",
            hint="end the run and start it anew with this bundle",
        )


def _require_pass(result: SelftestResult) -> None:
    if not result.has_passed:
        failures = [*result.contract_failures, *(line for proof in result.proofs for line in proof.failures)]
        raise CheckFailed(f"selftest failed: {failures[0]}", hint="run `edgevision-runtime selftest` for all of it")


def _gently(prove: Callable[[], SelftestResult]) -> SelftestResult:
    """Do it in a thread of low priority. In one of its own: threads that a model's interpreter starts inherit it."""
    done: list[SelftestResult] = []
    failed: list[BaseException] = []

    def work() -> None:
        with suppress(OSError):  # a filter of system calls may forbid it; then it is only less gentle
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)  # on Linux: of this thread
        try:
            done.append(prove())
        except REFUSALS as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="selftest", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    if not done:
        raise ModelError("the selftest broke off", hint="its traceback stands on stderr")
    return done[0]
