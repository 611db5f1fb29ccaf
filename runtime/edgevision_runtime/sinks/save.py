"""Saves frames that are worth a second look, with what was said of them: the pictures of the next training set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision_runtime.annotate import Annotator
from edgevision_runtime.cameras.query import Parser, duration_s, one_of, parse_query, share
from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.messages import BEGAN, Event, Result
from edgevision_runtime.noticing.selection import ALIKE
from edgevision_runtime.noticing.selection import to_document as to_embedding
from edgevision_runtime.opencv import opencv
from edgevision_runtime.sinks import SinkSetup
from edgevision_runtime.sinks.diverse import Diversity
from edgevision_runtime.sinks.document import to_document
from edgevision_runtime.sinks.saved_frames import SUFFIXES, SavedFrames
from edgevision_runtime.sinks.settings import megabytes, yes_or_no
from edgevision_runtime.sinks.slugs import Slugs, slug
from edgevision_runtime.types import Classification, Image

SCHEMA = "edgevision.frame/1"
ALL, LABEL, LOW, EVENT, DIVERSE = "all", "label", "low", "event", "diverse"
EVERY_S = {ALL: 10.0, DIVERSE: 0.0}  # between two of one camera and model; others: 1
LEAST_SHARE = 0.01  # of the pixels, for a segmenter's label to be seen
JPEG_QUALITY = 90
QUOTA_BYTES = 500_000_000


@dataclass(frozen=True)
class SaveWishes:
    """What stands in `save:FOLDER?when=low&below=0.6`."""

    folder: Path
    when: str  # one of the constants above
    labels: tuple[str, ...]
    below: float
    every_s: float  # between two of one camera and model
    quota_bytes: int
    suffix: str
    is_annotated: bool
    alike: float  # cosine from which on two frames show the same


def parse_wishes(target: str, setup: SinkSetup) -> SaveWishes:
    """Raises UsageError for what cannot be, or what this run will never bring."""
    folder, _, query = target.partition("?")
    given = parse_query("save", query, _FIELDS)
    when = given.get("when") or _what_is_meant(given, setup)
    for name, needed in (("labels", LABEL), ("below", LOW), ("alike", DIVERSE)):
        if name in given and when != needed:
            raise UsageError(f"save: {name} with when={when}", expected=f"when={needed}")
    if when == LABEL and not given.get("labels"):
        raise UsageError("save: when=label without labels", expected="labels=a,b")
    _refuse_what_never_comes(when, given.get("labels", ()), setup)
    return SaveWishes(
        folder=Path(folder),
        when=when,
        labels=given.get("labels", ()),
        below=given.get("below", 0.6),
        every_s=given.get("every", EVERY_S.get(when, 1.0)),
        quota_bytes=given.get("quota-mb", QUOTA_BYTES),
        suffix=given.get("format", "jpg"),
        is_annotated=given.get("annotated", False),
        alike=given.get("alike", ALIKE if setup.alike is None else setup.alike),
    )


class SaveSink:
    """Writes a picture and a document of each frame that is wanted, at most so many, within a quota."""

    needs_image = True

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        assert target is not None
        self._wishes = parse_wishes(target, setup)
        opencv()
        self.saved = 0  # frames
        self._slugs = Slugs(setup.cameras)
        self._annotate = Annotator()
        self._saved_s: dict[tuple[str, str], float] = {}  # capture of the last one of a camera and model
        self._diversity = Diversity(self._wishes.alike)
        self._frames = SavedFrames(self._wishes.folder, self._wishes.quota_bytes, self._diversity.forget)

    @property
    def needs_results(self) -> bool:
        """Whether it looks at each result, also where sinks get events only."""
        return self._wishes.when == DIVERSE

    def write(self, result: Result) -> None:
        """Save the frame, if it is one that is wanted."""
        if self._wishes.when != EVENT and self._is_wanted(result):
            self._save(result, None)

    def tell(self, event: Event) -> None:
        """Save the frame in which a label or zone event began, if that is wanted."""
        if self._wishes.when == EVENT and event.phase == BEGAN and event.result is not None:
            self._save(event.result, event)

    def close(self) -> None:
        """Nothing is half done."""
        self._frames.close()

    def _is_wanted(self, result: Result) -> bool:
        said, wishes = result.prediction, self._wishes
        if wishes.when == ALL:
            return True
        if wishes.when == DIVERSE:
            return self._diversity.is_new(result, self._frames)
        if isinstance(said, Classification):
            return said.score < wishes.below if wishes.when == LOW else said.label in wishes.labels
        shares = said.shares if wishes.when == LABEL else {}
        return any(shares.get(label, 0.0) >= LEAST_SHARE for label in wishes.labels)

    def _save(self, result: Result, event: Event | None) -> None:
        key, captured_s = (result.camera, result.model), result.frame.captured_s
        last_s = self._saved_s.get(key)
        if last_s is not None and 0 <= captured_s - last_s < self._wishes.every_s:
            return
        image = self._annotate(result) if self._wishes.is_annotated else result.frame.image
        name = f"{self._slugs.of(result.camera)}_{slug(_label(result, event))}"
        stem = self._frames.stem(result.captured_at, name)
        picture = f"{stem}.{self._wishes.suffix}"
        document = {
            "schema": SCHEMA,
            "image": picture,
            "width": image.shape[1],
            "height": image.shape[0],
            "annotated": self._wishes.is_annotated,
            "why": self._wishes.when,
            **_all_scores(result),
            **_embedding(result),
            "result": to_document(result),
            "event": None if event is None else to_document(event),
        }
        content = json.dumps(document, indent=1).encode() + b"\n"
        self._frames.add(picture, self._encode(image), content)
        self.saved += 1
        if self._wishes.when == DIVERSE:
            self._diversity.keep(stem, result)
        self._saved_s[key] = captured_s

    def _encode(self, image: Image) -> bytes:
        cv2 = opencv()
        flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if self._wishes.suffix == "jpg" else []
        is_done, encoded = cv2.imencode(f".{self._wishes.suffix}", image, flags)
        if not is_done:
            raise UsageError(f"OpenCV cannot write {self._wishes.suffix}", expected="format=png or jpg")
        content: bytes = encoded.tobytes()
        return content


def _label(result: Result, event: Event | None) -> str:
    """What the frame is called after."""
    if event is not None:
        return event.name
    if isinstance(result.prediction, Classification):
        return result.prediction.label
    _, *others = result.prediction.shares.items()
    return max(others, key=lambda entry: entry[1])[0] if others else result.prediction.labels[0]


def _all_scores(result: Result) -> dict[str, Any]:
    said = result.prediction
    if isinstance(said, Classification):
        return {"scores": {label: round(float(score), 5) for label, score in zip(said.labels, said.scores)}}
    return {}  # the shares are in the result


def _embedding(result: Result) -> dict[str, Any]:
    vector = result.prediction.embedding
    return {} if vector is None else {"embedding": to_embedding(vector, result.space)}


def _what_is_meant(given: dict[str, Any], setup: SinkSetup) -> str:
    """When to save, where nobody said so."""
    if "labels" in given:
        return LABEL
    if "below" in given:
        return LOW
    return DIVERSE if "alike" in given or setup.alike is not None else ALL


def _refuse_what_never_comes(when: str, labels: tuple[str, ...], setup: SinkSetup) -> None:
    if setup.only_events and when not in (EVENT, DIVERSE):
        raise UsageError(f"save: when={when} in a run that gives events only", expected="when=event or when=diverse")
    if when == DIVERSE and not setup.has_embedding:
        raise UsageError(
            "save: when=diverse, and no model of this run gives embeddings",
            expected="a bundle of `edgevision convert RUN --with-embedding`",
        )
    tasks = {spec.task for spec in setup.specs} or {setup.task}
    if when == LOW and "classify" not in tasks:
        raise UsageError("save: when=low needs a classifier's score", expected="when=label&labels=… for a segmenter")
    known = {label for spec in setup.specs for label in spec.labels} or set(setup.labels)
    for label in labels:
        if label not in known:
            raise UsageError(f"save: no model knows {label!r}", hint=did_you_mean(label, known))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError("labels such as a,b")
    return names


_FIELDS: dict[str, Parser] = {
    "when": one_of(ALL, LABEL, LOW, EVENT, DIVERSE),
    "alike": share,
    "labels": _names,
    "below": share,
    "every": duration_s,
    "quota-mb": megabytes,
    "format": one_of(*SUFFIXES),
    "annotated": yes_or_no,
}
