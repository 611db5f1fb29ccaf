"""Read and write a `ModelSpec` as JSON: `spec.json` of a run directory, and the same facts inside a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ContractError, ModelError, UsageError
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import TASKS, ModelSpec

SCHEMA = "edgevision.spec/1"
EMBED = "embed"  # the task of a run that learned without labels: features, and no head yet
FIELDS = {"schema", "task", "labels", "preprocess", "postprocess"}


def spec_to_json(spec: ModelSpec) -> dict[str, Any]:
    """The form that `spec_from_json` reads."""
    return {
        "schema": SCHEMA,
        "task": spec.task,
        "labels": list(spec.labels),
        "preprocess": spec.preprocess.to_json(),
        "postprocess": spec.postprocess.to_json(),
    }


def spec_from_json(document: Any) -> ModelSpec:
    """Read what `spec_to_json` wrote.

    Raises:
        ModelError: names what is off.
    """
    if not isinstance(document, dict) or set(document) != FIELDS or document["schema"] != SCHEMA:
        raise ModelError("not a model spec", expected=f"schema {SCHEMA} with {', '.join(sorted(FIELDS))}")
    preprocess = Preprocess.from_json(document["preprocess"])
    postprocess = Postprocess.from_json(document["postprocess"])
    return make_spec(document["task"], document["labels"], preprocess, postprocess)


def make_spec(task: Any, labels: Any, preprocess: Preprocess, postprocess: Postprocess) -> ModelSpec:
    """A checked spec.

    Raises:
        ModelError: an unknown task, labels that are not distinct texts, or a head that is not the task's.
    """
    if task not in (*TASKS, EMBED):
        raise ModelError(f"task {task!r}", expected=" | ".join((*TASKS, EMBED)))
    if not isinstance(labels, (list, tuple)) or not all(isinstance(label, str) and label for label in labels):
        raise ModelError("labels", expected="a list of texts")
    if any(character in label for label in labels for character in "\r\n"):
        raise ModelError("a label holds a line break", expected="one line per label")
    if len(set(labels)) != len(labels):
        twice = next(label for label in labels if list(labels).count(label) > 1)
        raise ModelError(f"label {twice!r} stands twice", expected="distinct labels")
    if postprocess.head != task:
        raise ModelError(f"head {postprocess.head!r} for task {task!r}", expected=f"head {task!r}")
    return ModelSpec(task, tuple(labels), preprocess, postprocess)


def read_spec(path: Path) -> ModelSpec:
    """Read a `spec.json`.

    Raises:
        ModelError: the file cannot be read or is not a spec.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}", expected="a spec.json") from error
    return spec_from_json(document)


def read_preprocess(path: Path) -> Preprocess:
    """Read a contract from a JSON file.

    Raises:
        UsageError: the file cannot be read.
        ContractError: not a contract.
    """
    try:
        return Preprocess.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", expected="a contract as JSON") from error
    except ValueError as error:
        raise ContractError(f"{path} is not JSON: {error}", expected="a contract as JSON") from error
