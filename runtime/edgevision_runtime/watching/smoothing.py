"""Scores over a window of answers instead of one frame's: a single wrong frame is no news.

Times are those of the capture, so that the same scene gives the same events at 5 and at 30 frames a second.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor
    from edgevision_runtime.watching.settings import Smoothing


class Smoother(Protocol):
    """Combines answers, each float (classes,) of scores or shares. For one thread."""

    def update(self, values: Tensor, now_s: float) -> Tensor:
        """The smoothed values, after one more answer; valid until the next call."""
        ...

    def best(self) -> int:
        """The class that the last `update` puts first."""
        ...

    def forget(self) -> None:
        """Begin anew: what was answered so far is of another time."""
        ...


class ExponentialSmoother:
    """Follows the answers: of a sudden change 63 % have arrived after the time constant, 95 % after three of them."""

    def __init__(self, time_constant_s: float, classes: int) -> None:
        self._time_constant_s = time_constant_s
        self._values = np.zeros(classes)
        self._step = np.zeros(classes)
        self._last_s: float | None = None

    def update(self, values: Tensor, now_s: float) -> Tensor:
        """See `Smoother`."""
        if self._last_s is None or self._time_constant_s == 0:
            self._values[...] = values
        else:
            weight = -math.expm1((self._last_s - now_s) / self._time_constant_s)
            np.subtract(values, self._values, out=self._step)
            np.multiply(self._step, weight, out=self._step)
            np.add(self._values, self._step, out=self._values)
        self._last_s = now_s
        return self._values

    def best(self) -> int:
        """See `Smoother`; the lowest class among equals."""
        return int(self._values.argmax())

    def forget(self) -> None:
        """See `Smoother`."""
        self._last_s = None


class MajoritySmoother:
    """A class's score is the share of the last answers whose highest class it was."""

    def __init__(self, answers: int, classes: int) -> None:
        self._votes: deque[int] = deque(maxlen=answers)
        self._counts = np.zeros(classes)

    def update(self, values: Tensor, now_s: float) -> Tensor:
        """See `Smoother`; while there are fewer answers than asked for, the share is of those."""
        if len(self._votes) == self._votes.maxlen:
            self._counts[self._votes[0]] -= 1
        vote = int(values.argmax())
        self._votes.append(vote)
        self._counts[vote] += 1
        return self._counts / len(self._votes)

    def best(self) -> int:
        """See `Smoother`; among equals the one that was answered last."""
        most = self._counts.max()
        return next(vote for vote in reversed(self._votes) if self._counts[vote] == most)

    def forget(self) -> None:
        """See `Smoother`."""
        self._votes.clear()
        self._counts[...] = 0


def make_smoother(smoothing: Smoothing, classes: int) -> Smoother:
    """The smoother that the settings ask for."""
    if smoothing.kind == "majority":
        return MajoritySmoother(smoothing.answers, classes)
    return ExponentialSmoother(smoothing.time_constant_s, classes)
