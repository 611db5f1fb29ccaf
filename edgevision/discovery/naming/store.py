"""The names of a clusters folder: changed by actions, saved after each, undone and done again.

The journal (naming.jsonl) is what holds; names.csv always says the same, and may be edited by hand instead: what was
changed there is taken over as one more action, which can be undone like the others.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path

from edgevision.discovery.clustering.kmeans import group
from edgevision.discovery.naming.journal import Journal
from edgevision.discovery.naming.names import REJECTED, UNNAMED, as_spelled, check_name, names_text, read_names
from edgevision.discovery.naming.state import Action, Integers, State, after, in_words
from edgevision.discovery.whitening import Vectors
from edgevision_runtime.atomic import write_text
from edgevision_runtime.errors import UsageError

JOURNAL = "naming.jsonl"
NAMES = "names.csv"
MOST_PARTS = 4  # of a split; the parts can be split again
Signature = tuple[int, int, int]


class NamingStore:
    """What is known of the clusters in `folder`. Any thread may call it."""

    def __init__(self, folder: Path, assignment: Integers, vectors: Vectors) -> None:
        """`assignment` (n,) and `vectors` (n, d) are the cluster and the embedding of each picture.

        Raises:
            DataError: the journal or names.csv cannot be read, or belong to other clusters.
            UsageError: names.csv has changed and the journal cannot be written.
        """
        self.journal_path, self.names_path = folder / JOURNAL, folder / NAMES
        self._base, self._vectors = State.of(assignment), vectors
        self.notices: list[str] = []  # what was taken over from others' changes, in words; grows
        self._lock = threading.RLock()
        fingerprint = hashlib.sha256(assignment.astype("<i8").tobytes()).hexdigest()[:16]
        self._journal = Journal(self.journal_path, fingerprint)
        self._seen: Signature | None = None  # of names.csv, when it was last read or written
        self.state = self._base
        self._done: list[Action] = []
        self._undone: list[Action] = []
        self._replay()
        self.refresh()

    @property
    def version(self) -> int:
        """Another one after every action."""
        return len(self._journal.lines)

    @property
    def can_undo(self) -> str:
        """What would be undone, in words; empty: nothing."""
        return in_words(self._done[-1]) if self._done else ""

    @property
    def can_redo(self) -> str:
        """What would be done again, in words; empty: nothing."""
        return in_words(self._undone[-1]) if self._undone else ""

    def refresh(self) -> None:
        """Look whether the files were changed by somebody else, and take that over; `notices` says what.

        Raises:
            DataError: they cannot be read as they are now; nothing is written until they can.
        """
        with self._lock:
            if self._journal.has_grown():
                self._journal.read_again()
                self._replay()
                self.notices.append("another program named clusters: read again")
            self._read_names()

    def name(self, numbers: Iterable[int], name: str) -> None:
        """Give clusters a name, or take it away with an empty one; a known name keeps its capitals.

        Raises:
            UsageError: it cannot be a name, or there is no such cluster.
        """
        with self._lock:
            self.refresh()
            chosen = [self._known(number) for number in numbers]
            spelled = as_spelled(check_name(name), self.state.used_names)
            if any(self.state.names[number] != spelled for number in chosen):
                self._do({"do": "name", "clusters": chosen, "name": spelled})

    def merge(self, number: int, other: int) -> None:
        """Give a cluster the name of another one.

        Raises:
            UsageError: the other has none.
        """
        with self._lock:
            self.refresh()
            name = self.state.names[self._known(other)]
            if name in (UNNAMED, REJECTED):
                raise UsageError(f"cluster {other} has no name to share", hint="name it first")
            self.name([number], name)

    def reject(self, number: int) -> None:
        """Leave the pictures of a cluster out of the data set."""
        self.name([number], REJECTED)

    def split(self, number: int, parts: int) -> list[int]:
        """Make parts of a cluster by k-means; they get new numbers, which are returned, the largest part first.

        Raises:
            UsageError: it has too few pictures, or they are all alike.
        """
        with self._lock:
            self.refresh()
            positions = self.state.members[self._known(number)]
            if not 2 <= parts <= MOST_PARTS or len(positions) < parts:
                most = min(MOST_PARTS, len(positions))
                raise UsageError(f"cluster {number} into {parts} parts", expected=f"2 to {most}: it has that many")
            found = group(self._vectors[positions], parts, seed=0)
            if found.count < 2:
                raise UsageError(f"cluster {number} cannot be split: its pictures are all alike")
            first = self.state.next_number
            into = list(range(first, first + found.count))
            digits = "".join(map(str, found.assignment.tolist()))
            self._do({"do": "split", "cluster": number, "into": into, "parts": digits})
            return into

    def leave_out(self, picture: int) -> None:
        """Leave one picture out of the data set, or take it back.

        Raises:
            UsageError: there is no such picture.
        """
        with self._lock:
            self.refresh()
            if not 0 <= picture < len(self._vectors):
                raise UsageError(f"no picture {picture}", expected=f"0 to {len(self._vectors) - 1}")
            self._do({"do": "leave out", "picture": picture})

    def undo(self) -> Action:
        """Take the last action back, and return it.

        Raises:
            UsageError: there is none.
        """
        return self._step_back_or_on("undo")

    def redo(self) -> Action:
        """Do again what was undone last, and return it.

        Raises:
            UsageError: nothing was.
        """
        return self._step_back_or_on("redo")

    def _known(self, number: int) -> int:
        if number not in self.state.members:
            gone = " any more: it was split" if number in self.state.parents.values() else ""
            raise UsageError(f"there is no cluster {number}{gone}")
        return int(number)

    def _step_back_or_on(self, kind: str) -> Action:
        with self._lock:
            self.refresh()
            pile = self._done if kind == "undo" else self._undone
            if not pile:
                raise UsageError(f"nothing to {kind}")
            action = pile[-1]
            self._journal.write({"do": kind})
            self._replay()
            self._save()
            return action

    def _do(self, action: Action) -> None:
        state = after(self.state, action)
        self._journal.write(action)
        self._done.append(action)
        self._undone.clear()
        self.state = state
        self._save()

    def _replay(self) -> None:
        """The state from the journal's lines."""
        done: list[Action] = []
        undone: list[Action] = []
        self._saved, self._is_saved = "", True  # what names.csv was when it was last written, and whether it was since
        for line in self._journal.lines:
            if "saved" in line:
                self._saved, self._is_saved = str(line["saved"]), True
                continue
            self._is_saved = False
            if line.get("do") == "undo" and done:
                undone.append(done.pop())
            elif line.get("do") == "redo" and undone:
                done.append(undone.pop())
            else:
                done.append({key: value for key, value in line.items() if key != "at"})
                undone.clear()
        state = self._base
        for action in done:
            state = after(state, action)
        self.state, self._done, self._undone = state, done, undone

    def _read_names(self) -> None:
        """Take over what somebody wrote into names.csv; write it where it is behind the journal."""
        signature = self._signature()
        if signature is None:
            self._save()
            if self._journal.lines:
                self.notices.append(f"{NAMES} was gone: written again")
            return
        if signature == self._seen and self._is_saved:
            return
        data = self.names_path.read_bytes()
        if hashlib.sha256(data).hexdigest() == self._saved or data == names_text(self.state.rows).encode():
            self._seen = signature
            if not self._is_saved:  # a kill came between the journal and names.csv
                self._save()
            return
        found = read_names(data, self.names_path, self.state.sizes)
        changed = {str(number): name for number, name in found.items() if name != self.state.names[number]}
        self._seen = signature
        if changed:
            self._do({"do": "read", "names": changed})
            count = "a name" if len(changed) == 1 else f"{len(changed)} names"
            self.notices.append(f"{NAMES} was edited by hand: {count} taken over")
        elif not self._is_saved:
            self._save()

    def _save(self) -> None:
        text = names_text(self.state.rows)
        write_text(self.names_path, text)
        self._saved, self._is_saved = hashlib.sha256(text.encode()).hexdigest(), True
        self._seen = self._signature()
        if self._journal.lines:
            self._journal.write({"saved": self._saved})

    def _signature(self) -> Signature | None:
        if not self.names_path.is_file():
            return None
        facts = self.names_path.stat()
        return facts.st_mtime_ns, facts.st_size, facts.st_ino
