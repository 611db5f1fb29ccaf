"""The manifest of a bundle: what is inside, and the hash of every other member."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from edgevision_runtime.errors import BundleError, UsageError
from edgevision_runtime.types import TASKS, EmbeddingOutput, Operator, TensorSpec, Variant

SCHEMA_MAJOR = "edgevision.bundle/1"
MEMBER = "manifest.json"
FORMATS = ("tflite", "onnx")
PRECISIONS = ("float32", "float16", "int8", "dynamic", "int16x8")
VERSION_PATTERN = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

A_NAME = "lower-case letters, digits, dots, underscores, dashes"
A_VERSION = "a semantic version such as 1.0.0"


def check_name_and_version(name: str | None, version: str | None) -> None:
    """Raise UsageError for what a bundle cannot be called; None is not judged."""
    if name is not None and not NAME_PATTERN.fullmatch(name):
        raise UsageError(f"name {name!r}", expected=A_NAME)
    if version is not None and not VERSION_PATTERN.fullmatch(version):
        raise UsageError(f"version {version!r}", expected=A_VERSION)


class Member(NamedTuple):
    """What the manifest says of another member."""

    sha256: str
    size_bytes: int


class Manifest(NamedTuple):
    """The parsed manifest.json."""

    name: str
    version: str  # semantic version
    task: str
    created: str  # ISO 8601, UTC
    tools: dict[str, str]  # library → version that made it
    variants: tuple[Variant, ...]
    default_variants: dict[str, str]  # engine → variant name
    labels: tuple[str, ...]
    members: dict[str, Member]  # every other member except signature.json
    embedding: EmbeddingOutput | None = None

    def to_bytes(self) -> bytes:
        """Canonical JSON: what is hashed and signed."""
        document: dict[str, Any] = {
            "schema": SCHEMA_MAJOR,
            "name": self.name,
            "version": self.version,
            "task": self.task,
            "created": self.created,
            "tools": self.tools,
            "variants": [_variant_to_json(variant) for variant in self.variants],
            "default_variants": self.default_variants,
            "labels": list(self.labels),
            "members": {
                path: {"sha256": member.sha256, "size_bytes": member.size_bytes}
                for path, member in self.members.items()
            },
        }
        if self.embedding is not None:  # whoever does not know it reads the bundle all the same
            document["embedding"] = self.embedding._asdict()
        return (json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def manifest_from_bytes(content: bytes) -> Manifest:
    """Parse and check a manifest.

    Raises:
        BundleError: names the field and what was expected.
    """
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(MEMBER, f"not JSON ({error})", expected="a manifest") from error
    if not isinstance(document, dict):
        raise BundleError(MEMBER, "not a JSON object", expected="a manifest")
    schema = document.get("schema")
    if schema != SCHEMA_MAJOR:
        raise BundleError(
            MEMBER, f"schema {schema!r}", expected=SCHEMA_MAJOR, hint="this file was made by another edgevision"
        )
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(MEMBER, f"a field is missing or off ({type(error).__name__}: {error})") from error


def _manifest(document: dict[str, Any]) -> Manifest:
    manifest = Manifest(
        name=_text(document, "name"),
        version=_text(document, "version"),
        task=_text(document, "task"),
        created=_text(document, "created"),
        tools=_texts(document, "tools"),
        variants=tuple(_variant_from_json(entry) for entry in document["variants"]),
        default_variants=_texts(document, "default_variants"),
        labels=tuple(str(label) for label in document["labels"]),
        members={
            str(path): Member(str(entry["sha256"]), int(entry["size_bytes"]))
            for path, entry in document["members"].items()
        },
        embedding=_embedding_from_json(document["embedding"]) if "embedding" in document else None,
    )
    check_manifest(manifest)
    return manifest


def check_manifest(manifest: Manifest) -> None:
    """Raise BundleError for a value that cannot be."""
    checks = (
        (NAME_PATTERN.fullmatch(manifest.name), f"name {manifest.name!r}", A_NAME),
        (VERSION_PATTERN.fullmatch(manifest.version), f"version {manifest.version!r}", A_VERSION),
        (manifest.task in TASKS, f"task {manifest.task!r}", " | ".join(TASKS)),
        (manifest.labels, "no labels", "at least one"),
        (manifest.variants, "no variants", "at least one model"),
    )
    for holds, what, expected in checks:
        if not holds:
            raise BundleError(MEMBER, what, expected=expected)
    names = [variant.name for variant in manifest.variants]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BundleError(MEMBER, f"variant {twice[0]} stands twice", expected="every variant once")
    for variant in manifest.variants:
        if variant.format not in FORMATS or variant.precision not in PRECISIONS:
            raise BundleError(MEMBER, f"{variant.name} is {variant.format} {variant.precision}", expected=str(FORMATS))
        if variant.path not in manifest.members or not variant.path.startswith("models/"):
            raise BundleError(MEMBER, f"variant {variant.path} is not a declared member", expected="models/…")
    for engine, name in manifest.default_variants.items():
        if name not in names:
            raise BundleError(MEMBER, f"default variant {name!r} of {engine}", expected=" | ".join(names))
    whitening = manifest.embedding.whitening if manifest.embedding is not None else None
    if whitening is not None and whitening not in manifest.members:
        raise BundleError(MEMBER, f"whitening {whitening} is not a declared member", expected="reference/….npy")


def _text(document: dict[str, Any], field: str) -> str:
    if not isinstance(document[field], str):
        raise TypeError(f"{field} is not a text")
    return str(document[field])


def _texts(document: dict[str, Any], field: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in document[field].items()}


def _variant_to_json(variant: Variant) -> dict[str, Any]:
    return {
        "path": variant.path,
        "format": variant.format,
        "precision": variant.precision,
        "inputs": [_tensor_to_json(tensor) for tensor in variant.inputs],
        "outputs": [_tensor_to_json(tensor) for tensor in variant.outputs],
        "operators": [{"name": operator.name, "version": operator.version} for operator in variant.operators],
    }


def _variant_from_json(entry: dict[str, Any]) -> Variant:
    variant = Variant(
        path=_text(entry, "path"),
        format=_text(entry, "format"),
        precision=_text(entry, "precision"),
        inputs=tuple(_tensor_from_json(tensor) for tensor in entry["inputs"]),
        outputs=tuple(_tensor_from_json(tensor) for tensor in entry["outputs"]),
        operators=tuple(Operator(str(o["name"]), int(o["version"])) for o in entry["operators"]),
    )
    if len(variant.inputs) != 1 or not variant.outputs:
        raise ValueError(f"{variant.path} has {len(variant.inputs)} inputs and {len(variant.outputs)} outputs")
    return variant


def _embedding_from_json(entry: dict[str, Any]) -> EmbeddingOutput:
    fields = EmbeddingOutput._fields
    if set(entry) != set(fields):
        raise ValueError(f"embedding has {', '.join(sorted(entry))}, not {', '.join(fields)}")
    whitening = None if entry["whitening"] is None else _text(entry, "whitening")
    facts = EmbeddingOutput(
        output=_count(entry, "output", 0),
        dimension=_count(entry, "dimension", 1),
        fingerprint=_text(entry, "fingerprint"),
        backbone=_text(entry, "backbone"),
        whitening=whitening,
    )
    if not (SHA256_PATTERN.fullmatch(facts.fingerprint) and SHA256_PATTERN.fullmatch(facts.backbone)):
        raise ValueError("a fingerprint of the embedding is not a sha256")
    return facts


def _count(document: dict[str, Any], field: str, least: int) -> int:
    value = document[field]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{field} is {value!r}")
    return value


def _tensor_to_json(tensor: TensorSpec) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
    }


def _tensor_from_json(entry: dict[str, Any]) -> TensorSpec:
    return TensorSpec(
        name=_text(entry, "name"),
        shape=tuple(int(size) for size in entry["shape"]),
        dtype=_text(entry, "dtype"),
        scale=None if entry["scale"] is None else float(entry["scale"]),
        zero_point=None if entry["zero_point"] is None else int(entry["zero_point"]),
    )
