"""One JSON line for each frame, on stdout or into a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgevision_runtime.errors import UsageError
from edgevision_runtime.redact import redact
from edgevision_runtime.sinks import Stream
from edgevision_runtime.types import Classification, Frame, Prediction

TOP = 3


class JsonLinesSink:
    """Writes a line a frame and flushes it, so that a reader at the other end of a pipe sees it at once."""

    def __init__(self, target: str | None, stream: Stream) -> None:
        self._name = target or "stdout"
        if target is None and sys.stdout is None:
            raise UsageError("stdout is closed", expected="--sink jsonl:FILE")
        with self._writing():
            self._file = Path(target).open("w", encoding="utf-8") if target else sys.stdout  # noqa: SIM115

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Write one line."""
        with self._writing():
            self._file.write(json.dumps(to_document(frame, prediction), ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; stdout stays open."""
        if self._file is not sys.stdout:
            with self._writing():
                self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"{self._name} cannot be written: {error.strerror}") from error


def to_document(frame: Frame, prediction: Prediction) -> dict[str, Any]:
    """A prediction as JSON: times in milliseconds, scores and shares in 0..1."""
    document: dict[str, Any] = {
        "frame": prediction.frame_index,
        "source": redact(frame.source),
        "age_ms": round(prediction.age_ms, 3),
        "latency_ms": round(prediction.latency_ms, 3),
    }
    if isinstance(prediction, Classification):
        best = [{"label": label, "score": round(score, 5)} for label, score in prediction.top(TOP)]
        return {**document, "label": prediction.label, "score": round(prediction.score, 5), "top": best}
    return {**document, "shares": {label: round(share, 5) for label, share in prediction.shares.items()}}
