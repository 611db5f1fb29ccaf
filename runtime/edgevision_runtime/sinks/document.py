"""A result or an event as JSON: one shape for every sink, the preview and the report."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

from edgevision_runtime.messages import Event, Message, Result
from edgevision_runtime.redact import redact
from edgevision_runtime.types import Classification

TOP = 3


def to_document(message: Message) -> dict[str, Any]:
    """Times in milliseconds or ISO 8601 (UTC), scores and shares in 0..1; an event has a key `event`."""
    return _event(message) if isinstance(message, Event) else _result(message)


def _result(result: Result) -> dict[str, Any]:
    prediction = result.prediction
    document: dict[str, Any] = {
        "time": timestamp(result.captured_at),
        "camera": result.camera,
        "model": result.model,
        "frame": prediction.frame_index,
        "source": redact(result.frame.source),
        "captured_s": round(prediction.captured_s, 6),
        "age_ms": round(prediction.age_ms, 3),
        "latency_ms": round(prediction.latency_ms, 3),
        "preprocess_ms": round(prediction.stages.preprocess_ms, 3),
        "infer_ms": round(prediction.stages.infer_ms, 3),
        "postprocess_ms": round(prediction.stages.postprocess_ms, 3),
    }
    if isinstance(prediction, Classification):
        best = [{"label": label, "score": _score(score)} for label, score in prediction.top(TOP)]
        return {**document, "label": prediction.label, "score": _score(prediction.score), "top": best}
    return {**document, "shares": {label: round(share, 5) for label, share in prediction.shares.items()}}


def _score(score: float) -> float | None:
    """Null for what JSON has no number for: a model may answer with a score that is not one."""
    return round(score, 5) if math.isfinite(score) else None


def _event(event: Event) -> dict[str, Any]:
    document = {
        "time": timestamp(event.at),
        "event": event.kind,
        "name": event.name,
        "phase": event.phase,
        "camera": event.camera,
        **event.detail,
    }
    if event.result is None:
        return document
    return {**document, "frame": event.result.frame.index, "model": event.result.model}


def timestamp(at: float) -> str:
    """Seconds of time.time() as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
