"""Write a bundle: sorted, stored members with fixed timestamps, so that the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgevision_runtime import signing
from edgevision_runtime.atomic import atomic_file, refuse_to_overwrite
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.manifest import MEMBER as MANIFEST
from edgevision_runtime.manifest import Manifest, Member, check_manifest
from edgevision_runtime.types import EmbeddingOutput, ModelSpec, Variant

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can hold


@dataclass(frozen=True)
class BundleContent:
    """Everything a bundle is made of."""

    name: str
    version: str
    created: str  # ISO 8601, UTC
    spec: ModelSpec
    models: tuple[tuple[Variant, bytes], ...]
    default_variants: Mapping[str, str]  # engine → variant name
    tools: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, bytes] = field(default_factory=dict)  # golden/…, reports/…, reference/…, MODEL_CARD.md, LICENSE
    embedding: EmbeddingOutput | None = None


def write_bundle(path: Path, content: BundleContent, *, force: bool = False) -> Bundle:
    """Write a bundle whole or not at all, and open it again with every check.

    Raises:
        UsageError: the file is there and `force` is not given.
        BundleError: the content does not fit together.
    """
    refuse_to_overwrite(path, force=force)
    members = dict(content.extra)
    members.update({variant.path: data for variant, data in content.models})
    members["preprocess.json"] = _json(content.spec.preprocess.to_json())
    members["postprocess.json"] = _json(content.spec.postprocess.to_json())
    members["labels.txt"] = "".join(f"{label}\n" for label in content.spec.labels).encode()
    manifest = Manifest(
        name=content.name,
        version=content.version,
        task=content.spec.task,
        created=content.created,
        tools=dict(content.tools),
        variants=tuple(variant for variant, _ in content.models),
        default_variants=dict(content.default_variants),
        labels=content.spec.labels,
        members={name: Member(hashlib.sha256(data).hexdigest(), len(data)) for name, data in members.items()},
        embedding=content.embedding,
    )
    check_manifest(manifest)
    return _write(path, {**members, MANIFEST: manifest.to_bytes()})


def rewrite_bundle(path: Path, bundle: Bundle, changes: BundleChanges, *, force: bool = False) -> Bundle:
    """Write a copy of a bundle with other name or version and more members; a signature is dropped."""
    kept = {name: bundle.read(name) for name in bundle.manifest.members}
    models = tuple((variant, kept.pop(variant.path)) for variant in bundle.variants)
    for derived in ("preprocess.json", "postprocess.json", "labels.txt"):
        kept.pop(derived)
    content = BundleContent(
        name=changes.name or bundle.name,
        version=changes.version or bundle.version,
        created=changes.created or bundle.manifest.created,
        spec=bundle.spec,
        models=models,
        default_variants=bundle.manifest.default_variants,
        tools=bundle.manifest.tools,
        extra={**kept, **changes.extra},
        embedding=bundle.embedding,
    )
    return write_bundle(path, content, force=force)


@dataclass(frozen=True)
class BundleChanges:
    """What `rewrite_bundle` makes different."""

    name: str | None = None
    version: str | None = None
    created: str | None = None
    extra: Mapping[str, bytes] = field(default_factory=dict)


def sign_bundle(path: Path, bundle: Bundle, private_key: Path, *, force: bool = False) -> Bundle:
    """Write a copy of a bundle with a signature over its manifest."""
    refuse_to_overwrite(path, force=force)
    members = {name: bundle.read(name) for name in bundle.members}
    members[signing.MEMBER] = signing.sign(members[MANIFEST], private_key)
    return _write(path, members)


def _write(path: Path, members: Mapping[str, bytes]) -> Bundle:
    with atomic_file(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(members):
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.external_attr = 0o644 << 16
                entry.create_system = 3
                archive.writestr(entry, members[name])
        written = Bundle.open(temporary)
    return replace(written, path=path)


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
