"""What is known of clusters: names, how they were split, which pictures were left out. No value here ever changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision.discovery.naming.names import REJECTED, UNNAMED, Row
from edgevision_runtime.errors import DataError

Integers = npt.NDArray[np.int64]
Action = Mapping[str, Any]  # as it stands in the journal: {"do": "name", "clusters": [3], "name": "cat"} …


@dataclass(frozen=True, eq=False)
class State:
    """Clusters by their number; a picture is its position among the embeddings."""

    members: Mapping[int, Integers]  # the pictures of each cluster that there is now
    names: Mapping[int, str]  # of each: UNNAMED, REJECTED, or a name that others may bear too
    parents: Mapping[int, int] = field(default_factory=dict)  # of a part, the cluster that it was split off from
    left_out: frozenset[int] = frozenset()  # pictures that a person does not want in the data set

    @classmethod
    def of(cls, assignment: Integers) -> State:
        """Nothing is named yet; `assignment` (n,) has the cluster of each picture."""
        numbers = [int(number) for number in np.unique(assignment)]
        members = {number: np.flatnonzero(assignment == number) for number in numbers}
        return cls(members, dict.fromkeys(numbers, UNNAMED))

    @property
    def by_size(self) -> list[int]:
        """The numbers of the clusters, the largest first; parts stand where the cluster stood."""
        roots = {number: self._root(number) for number in self.members}
        whole: Counter[int] = Counter()
        for number, root in roots.items():
            whole[root] += len(self.members[number])
        return sorted(self.members, key=lambda number: (-whole[roots[number]], roots[number], number))

    @property
    def sizes(self) -> dict[int, int]:
        """Pictures of each cluster."""
        return {number: len(positions) for number, positions in self.members.items()}

    @property
    def used_names(self) -> Counter[str]:
        """How many clusters bear each name."""
        return Counter(name for name in self.names.values() if name not in (UNNAMED, REJECTED))

    @property
    def rows(self) -> list[Row]:
        """Of names.csv."""
        return [Row(number, len(self.members[number]), self.names[number]) for number in sorted(self.members)]

    @property
    def next_number(self) -> int:
        """That no cluster has had."""
        return max([*self.members, *self.parents, *self.parents.values()]) + 1

    def _root(self, number: int) -> int:
        while number in self.parents:
            number = self.parents[number]
        return number


def after(state: State, action: Action) -> State:
    """The state after an action that a journal holds.

    Raises:
        DataError: the action does not fit the state.
    """
    try:
        return _ACTIONS[action["do"]](state, action)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"action {dict(action)!r:.200} does not fit these clusters ({error})") from error


def _name(state: State, action: Action) -> State:
    names = {int(number): str(action["name"]) for number in action["clusters"]}
    if unknown := set(names) - set(state.members):
        raise ValueError(f"no cluster {min(unknown)}")
    return replace(state, names={**state.names, **names})


def _read(state: State, action: Action) -> State:
    names = {int(number): str(name) for number, name in action["names"].items()}
    if unknown := set(names) - set(state.members):
        raise ValueError(f"no cluster {min(unknown)}")
    return replace(state, names={**state.names, **names})


def _split(state: State, action: Action) -> State:
    """Its parts, `into`, follow from a digit for each of its pictures."""
    number, into = int(action["cluster"]), [int(part) for part in action["into"]]
    positions = state.members[number]
    digits = np.frombuffer(action["parts"].encode("ascii"), np.uint8) - ord("0")
    if len(digits) != len(positions) or set(digits.tolist()) != set(range(len(into))):
        raise ValueError(f"cluster {number} has {len(positions)} pictures")
    members = {other: kept for other, kept in state.members.items() if other != number}
    names = {other: name for other, name in state.names.items() if other != number}
    members |= {part: positions[digits == digit] for digit, part in enumerate(into)}
    names |= dict.fromkeys(into, UNNAMED)
    return replace(state, members=members, names=names, parents={**state.parents, **dict.fromkeys(into, number)})


def _leave_out(state: State, action: Action) -> State:
    return replace(state, left_out=state.left_out ^ {int(action["picture"])})


_ACTIONS = {"name": _name, "read": _read, "split": _split, "leave out": _leave_out}


def in_words(action: Action) -> str:
    """What was done, for the page and for the log."""
    kind = action["do"]
    if kind == "split":
        return f"split {action['cluster']} into {', '.join(map(str, action['into']))}"
    if kind == "read":
        return f"took {len(action['names'])} names over from names.csv"
    if kind == "leave out":
        return "left a picture out or took it back"
    numbers, name = ", ".join(map(str, action["clusters"])), action["name"]
    if name == UNNAMED:
        return f"took the name of {numbers} away"
    return f"rejected {numbers}" if name == REJECTED else f"named {numbers} “{name}”"
