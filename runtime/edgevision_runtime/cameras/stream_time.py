"""When a frame of a stream was captured: its position in the stream, moved to this machine's clock.

The moment a frame comes out of a decoder says little: what the network or a slow decoder held back comes late, and a
queue that grows would stay unseen. The frame that was held back least shows how the stream's clock stands to ours:
captured = position + min(arrival − position). The minimum is of the last minutes only, since no two clocks run alike
(50 ppm are 30 ms in ten minutes). The way from the lens to here that even the fastest frame took is not in it.
"""

from __future__ import annotations

from collections import deque

BUCKET_S = 60.0
BUCKETS = 10
JUMP_S = 5.0  # a position that moves so much otherwise than the time did belongs to a new time base


class StreamTime:
    """Follows one stream."""

    def __init__(self) -> None:
        self._least: deque[tuple[float, float]] = deque(maxlen=BUCKETS)  # (start of the bucket, least offset in it)
        self._last: tuple[float, float] | None = None  # (arrival, position)

    def captured_s(self, arrival_s: float, position_s: float) -> float:
        """When the frame at `position_s` that arrived at `arrival_s` was captured; never later than it arrived."""
        if self._last is not None:
            arrival_step_s, position_step_s = arrival_s - self._last[0], position_s - self._last[1]
            if position_step_s <= 0 or position_step_s - arrival_step_s > JUMP_S:
                self._least.clear()
        self._last = arrival_s, position_s
        offset_s = arrival_s - position_s
        if not self._least or arrival_s - self._least[-1][0] >= BUCKET_S:
            self._least.append((arrival_s, offset_s))
        elif offset_s < self._least[-1][1]:
            self._least[-1] = self._least[-1][0], offset_s
        return min(arrival_s, position_s + min(least_s for _, least_s in self._least))
