"""What a fake camera does and when: `fps=30&drop=0.05&stall=3s@10&disconnect@20&corrupt=0.01&jitter=8ms&seed=1`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from edgevision_runtime.cameras import query as fields

_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong at a moment of camera time, for a while, and perhaps again and again."""

    at_s: float
    lasts_s: float = 0.0
    every_s: float | None = None

    def end_of(self, time_s: float) -> float | None:
        """When it is over, if it is on at `time_s`."""
        start_s = self._last_start(time_s)
        return start_s + self.lasts_s if start_s is not None and time_s < start_s + self.lasts_s else None

    def next_start(self, after_s: float) -> float:
        """The first moment after `after_s` at which it begins; infinity when there is none."""
        start_s = self._last_start(after_s)
        if start_s is None:
            return self.at_s
        return start_s + self.every_s if self.every_s is not None else math.inf

    def _last_start(self, time_s: float) -> float | None:
        if time_s < self.at_s:
            return None
        if self.every_s is None:
            return self.at_s
        return self.at_s + (time_s - self.at_s) // self.every_s * self.every_s


@dataclass(frozen=True)
class FakeScript:
    """A fake camera's life: frame n is captured at n / fps, unless the script loses it."""

    fps: float = 30.0
    drop: float = 0.0  # share of frames that are lost
    corrupt: float = 0.0  # share of frames that arrive damaged
    jitter_s: float = 0.0  # longest delay between capture and arrival
    seed: int = 0
    stalls: tuple[Fault, ...] = ()  # connected, but silent
    disconnects: tuple[Fault, ...] = ()  # connection lost, and no new one while it lasts
    duration_s: float = math.inf  # then the source ends
    clock: str = "virtual"  # or real

    def is_dropped(self, number: int) -> bool:
        """Whether frame `number` is lost."""
        return self._chance(number, 1) < self.drop

    def is_corrupt(self, number: int) -> bool:
        """Whether frame `number` arrives damaged."""
        return self._chance(number, 2) < self.corrupt

    def delay_s(self, number: int) -> float:
        """How long after its capture frame `number` arrives."""
        return self.jitter_s * self._chance(number, 3)

    def silent_until(self, time_s: float) -> float | None:
        """The end of the stall or disconnection that `time_s` lies in."""
        ends = [end_s for fault in (*self.stalls, *self.disconnects) if (end_s := fault.end_of(time_s)) is not None]
        return max(ends, default=None)

    def unreachable_until(self, time_s: float) -> float | None:
        """The end of the disconnection that `time_s` lies in."""
        return max((end_s for fault in self.disconnects if (end_s := fault.end_of(time_s)) is not None), default=None)

    def next_disconnect(self, after_s: float) -> float:
        """When a connection made at `after_s` is lost."""
        return min((fault.next_start(after_s) for fault in self.disconnects), default=math.inf)

    def _chance(self, number: int, purpose: int) -> float:
        """A number in [0, 1) that depends on nothing but the seed, the frame and the purpose (splitmix64)."""
        z = (self.seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + purpose * 0x94D049BB133111EB) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return (z ^ (z >> 31)) / 2.0**64


def parse_script(query: str) -> FakeScript:
    """Read the part after `?`. Raises UsageError, one line, for anything unknown or impossible."""
    given = fields.parse_query("fake://", query.replace("disconnect@", "disconnect=0@"), _FIELDS)
    return FakeScript(**{_NAMES.get(name, name): value for name, value in given.items()})


def _faults(text: str) -> tuple[Fault, ...]:
    """`3s@10` or `3s@10/60` (and then every 60 s), several with commas."""
    return tuple(_fault(part) for part in text.split(","))


def _fault(text: str) -> Fault:
    match = re.fullmatch(r"([^@/]+)@([^@/]+)(?:/([^@/]+))?", text)
    if match is None:
        raise ValueError("HOW-LONG@WHEN such as 3s@10, or 3s@10/60 for every 60 s after it")
    lasts_s, at_s = fields.duration_s(match[1]), fields.duration_s(match[2])
    every_s = fields.duration_s(match[3]) if match[3] else None
    if every_s is not None and every_s <= lasts_s:
        raise ValueError("a repeat that is longer than the fault itself")
    return Fault(at_s, lasts_s, every_s)


_FIELDS: dict[str, Any] = {
    "fps": fields.positive, "drop": fields.share, "corrupt": fields.share, "jitter": fields.duration_s,
    "seed": fields.whole, "stall": _faults, "disconnect": _faults, "duration": fields.duration_s,
    "clock": fields.one_of("virtual", "real"),
}  # fmt: skip
_NAMES = {"jitter": "jitter_s", "stall": "stalls", "disconnect": "disconnects", "duration": "duration_s"}
