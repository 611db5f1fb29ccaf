"""Open a bundle, `.evb`, and believe nothing in it until it is checked.

The checks run in this order: size limits, then duplicate, absolute and `..` names, compressed or undeclared members,
hashes, signature, schema, labels against the output tensor, layout and dtype against the input tensor. What is off is
a `BundleError` that names the member. With `reads_late` each member is hashed when it is read, before it is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from edgevision_runtime import signing
from edgevision_runtime.bundle_file import BundleFile, Content, CopiedFile, OpenedFile
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import BundleError, EdgeVisionError, UsageError, did_you_mean
from edgevision_runtime.manifest import MEMBER as MANIFEST
from edgevision_runtime.manifest import Manifest, manifest_from_bytes
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.sha256 import sha256_hex
from edgevision_runtime.spec import make_spec
from edgevision_runtime.stored_zip import Extent, stored_members
from edgevision_runtime.types import EmbeddingOutput, ModelSpec, Variant
from edgevision_runtime.unread_members import Place, UnreadMembers

MAX_TEXT_BYTES = 16 << 20  # of manifest.json
REQUIRED = (MANIFEST, "preprocess.json", "postprocess.json", "labels.txt")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: what was hashed is what is used, whatever happens to the file later."""

    path: Path
    manifest: Manifest
    spec: ModelSpec
    signed_by: str | None  # fingerprint of the key whose signature was checked
    unread: UnreadMembers = field(repr=False)  # with `reads_late`: hashed when read, or by who checks the rest
    _file: BundleFile = field(repr=False)
    _contents: dict[str, Content] = field(repr=False)  # of each member that was read and checked

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        public_key: Path | None = None,
        require_signature: bool = False,
        reads_late: bool = False,
    ) -> Bundle:
        """Read and check a bundle; with `public_key` its signature too. With `reads_late` see that `unread` is closed.

        Raises:
            UsageError: no such file.
            BundleError: names the member, what is wrong with it and what was expected.
        """
        path = Path(path)
        file: BundleFile = OpenedFile(path) if reads_late else CopiedFile(path)
        try:
            extents = stored_members(file, path.name, unhashed=(MANIFEST, signing.MEMBER))
            signed = _signed(file, extents)
            manifest = _check_declared(extents, signed)
            places = {name: Place(*extents[name], member.sha256) for name, member in manifest.members.items()}
            unread = UnreadMembers(file, places)
            contents = {**signed, **({} if reads_late else unread.take_all())}
            signed_by = signing.check(signed, public_key=public_key, is_required=require_signature)
            contents.update((name, unread.take(name)) for name in REQUIRED if name in unread)
            spec = _spec(manifest, contents)
            for variant in manifest.variants:
                _check_tensors(variant, spec)
                _check_embedding(variant, manifest.embedding, spec)
        except BaseException:
            file.close()
            raise
        return cls(path, manifest, spec, signed_by, unread, file, contents)

    @cached_property
    def sha256(self) -> str:
        """Of the whole file. Each member has been checked by its own; `run` does not wait for this one too."""
        return sha256_hex(self._file.read(0, self._file.size_bytes))

    @cached_property
    def manifest_sha256(self) -> str:
        """Of manifest.json, which holds the sha256 of every other member: tells bundles apart without a second pass."""
        return sha256_hex(self._contents[MANIFEST])

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The bundle's semantic version."""
        return self.manifest.version

    @property
    def embedding(self) -> EmbeddingOutput | None:
        """The output that is an embedding, if there is one."""
        return self.manifest.embedding

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The model files."""
        return self.manifest.variants

    @property
    def members(self) -> list[str]:
        """The names of all members."""
        return sorted({*self._contents, *self.manifest.members})

    def read(self, member: str) -> bytes:
        """The bytes of a member.

        Raises:
            BundleError: there is no such member, or it was left unread and is not what the manifest says.
        """
        if member in self.unread:
            self._contents[member] = self.unread.take(member)
        if member not in self._contents:
            raise BundleError(member, "not in the bundle", expected="a member that `unzip -l` shows")
        return bytes(self._contents[member])

    def read_json(self, member: str) -> Any:
        """A member as JSON."""
        try:
            return json.loads(self.read(member))
        except (ValueError, RecursionError) as error:
            raise BundleError(member, f"not JSON ({error})") from error

    def variant(self, name: str) -> Variant:
        """The variant called `name`, such as `int8.tflite`.

        Raises:
            UsageError: there is none.
        """
        names = [variant.name for variant in self.variants]
        if name not in names:
            raise UsageError(f"no variant {name!r}", expected=" | ".join(names), hint=did_you_mean(name, names))
        return self.variants[names.index(name)]


def _signed(file: BundleFile, extents: dict[str, Extent]) -> dict[str, bytes]:
    """The members that no hash in the manifest covers."""
    for member in REQUIRED:
        if member not in extents:
            raise BundleError(member, "missing", expected="every bundle to have one")
    if extents[MANIFEST].size_bytes > MAX_TEXT_BYTES:
        raise BundleError(MANIFEST, f"{extents[MANIFEST].size_bytes} bytes", expected=f"at most {MAX_TEXT_BYTES}")
    return {name: bytes(file.read(*extents[name])) for name in (MANIFEST, signing.MEMBER) if name in extents}


def _check_declared(extents: dict[str, Extent], signed: dict[str, bytes]) -> Manifest:
    """The manifest; every member that it declares is there with its size, and no other."""
    manifest = manifest_from_bytes(signed[MANIFEST])
    for member, declared in manifest.members.items():
        if member not in extents:
            raise BundleError(member, "declared in the manifest but missing", expected="its data")
        if extents[member].size_bytes != declared.size_bytes:
            raise BundleError(member, f"{extents[member].size_bytes} bytes", expected=f"{declared.size_bytes}")
    for member in extents:
        if member not in manifest.members and member not in signed:
            raise BundleError(member, "not declared in the manifest", expected="only declared members")
    return manifest


def _spec(manifest: Manifest, contents: dict[str, Content]) -> ModelSpec:
    """What the bundle means; labels.txt, the manifest and the contract must agree."""
    member = "labels.txt"
    try:
        labels = bytes(contents[member]).decode("utf-8").splitlines()
        if tuple(labels) != manifest.labels:
            raise BundleError(member, f"{len(labels)} labels", expected="the manifest's labels, in its order")
        member = "preprocess.json"
        preprocess = Preprocess.from_json(json.loads(bytes(contents[member])))
        member = "postprocess.json"
        postprocess = Postprocess.from_json(json.loads(bytes(contents[member])))
        member = MANIFEST
        return make_spec(manifest.task, manifest.labels, preprocess, postprocess)
    except BundleError:
        raise
    except (EdgeVisionError, ValueError, TypeError, RecursionError) as error:
        raise BundleError(member, str(error)) from error


def _check_tensors(variant: Variant, spec: ModelSpec) -> None:
    """The labels against the output tensor; the contract's shape and dtype against the input tensor."""
    head = spec.postprocess
    if head.output >= len(variant.outputs):
        raise BundleError(
            variant.path, f"{len(variant.outputs)} outputs", expected=f"at least {head.output + 1} (postprocess.json)"
        )
    shape = variant.outputs[head.output].shape
    if head.head == "segment" and len(shape) not in (3, 4):
        raise BundleError(
            variant.path, f"an output of {list(shape)}", expected=f"a mask, {head.layout} with a batch axis"
        )
    classes = head.classes(shape)
    if classes != len(spec.labels):
        raise BundleError(variant.path, f"an output of {classes} classes", expected=f"{len(spec.labels)} (labels.txt)")
    model_input = variant.inputs[0]
    shape = spec.preprocess.shape
    if len(model_input.shape) != 4 or any(want not in (-1, have) for want, have in zip(model_input.shape[1:], shape)):
        raise BundleError(
            variant.path,
            f"input {list(model_input.shape[1:])}",
            expected=f"{list(shape)}, {spec.preprocess.layout} (preprocess.json)",
        )
    if model_input.dtype not in ("float32", "float16", "int8", "uint8", "int16"):
        raise BundleError(variant.path, f"input dtype {model_input.dtype}", expected="float32, float16, int8 or uint8")
    if model_input.dtype in ("int8", "int16") and model_input.scale is None:
        raise BundleError(variant.path, f"{model_input.dtype} input without a scale", expected="scale and zero point")


def _check_embedding(variant: Variant, embedding: EmbeddingOutput | None, spec: ModelSpec) -> None:
    """The output that is said to be an embedding: there, another one than the head's, a row of numbers."""
    if embedding is None:
        return
    if embedding.output >= len(variant.outputs) or embedding.output == spec.postprocess.output:
        raise BundleError(
            variant.path,
            f"output {embedding.output} as the embedding, of {len(variant.outputs)} outputs",
            expected=f"another one than the head's, {spec.postprocess.output}",
        )
    shape = variant.outputs[embedding.output].shape
    is_row = len(shape) == 2 and shape[1] > 0
    if not is_row or (embedding.whitening is None and shape[1] != embedding.dimension):
        wanted = "(N, d)" if embedding.whitening else f"(N, {embedding.dimension})"
        raise BundleError(variant.path, f"an embedding of {list(shape)}", expected=f"{wanted} (manifest.json)")
