"""Open a bundle, `.evb`, and believe nothing in it until it is checked.

The checks run in this order: size limits, then duplicate, absolute and `..` names, compressed or undeclared members,
hashes, signature, schema, labels against the output tensor, layout and dtype against the input tensor. What is off is
a `BundleError` that names the member.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from edgevision_runtime import signing
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import BundleError, EdgeVisionError, UsageError, did_you_mean
from edgevision_runtime.manifest import MEMBER as MANIFEST
from edgevision_runtime.manifest import Manifest, manifest_from_bytes
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import make_spec
from edgevision_runtime.types import ModelSpec, Variant

MAX_BUNDLE_BYTES = 2 << 30
MAX_MEMBERS = 10_000
MAX_TEXT_BYTES = 16 << 20  # of manifest.json
REQUIRED = (MANIFEST, "preprocess.json", "postprocess.json", "labels.txt")
LOCAL_HEADER = struct.Struct("<4s5H3I2H")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle, held in memory: what was hashed is what is used, whatever happens to the file later."""

    path: Path
    manifest: Manifest
    spec: ModelSpec
    signed_by: str | None  # fingerprint of the key whose signature was checked
    _content: bytes = field(repr=False)  # the whole file
    _contents: dict[str, bytes | memoryview] = field(repr=False)  # of each member; views of the file

    @classmethod
    def open(cls, path: Path | str, *, public_key: Path | None = None, require_signature: bool = False) -> Bundle:
        """Read and check a bundle; with `public_key` its signature too.

        Raises:
            UsageError: no such file.
            BundleError: names the member, what is wrong with it and what was expected.
        """
        path = Path(path)
        content = _read(path)
        contents = _split(content, path.name)
        manifest = _check_declared(contents)
        signed_by = signing.check(_signed(contents), public_key=public_key, is_required=require_signature)
        spec = _spec(manifest, contents)
        for variant in manifest.variants:
            _check_tensors(variant, spec)
        return cls(path, manifest, spec, signed_by, content, dict(contents))

    @cached_property
    def sha256(self) -> str:
        """Of the whole file. Each member has been checked by its own; `run` does not wait for this one too."""
        return hashlib.sha256(self._content).hexdigest()

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The bundle's semantic version."""
        return self.manifest.version

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The model files."""
        return self.manifest.variants

    @property
    def members(self) -> list[str]:
        """The names of all members."""
        return sorted(self._contents)

    def read(self, member: str) -> bytes:
        """The bytes of a member.

        Raises:
            BundleError: there is no such member.
        """
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


def _read(path: Path) -> bytes:
    if not path.exists():
        raise UsageError(f"{path} is not there", expected="an .evb bundle")
    try:
        if not path.is_file():  # a pipe or a device may never end
            raise BundleError(path.name, "not a file", expected="an .evb file")
        size_bytes = path.stat().st_size
        if size_bytes > MAX_BUNDLE_BYTES:
            raise BundleError(path.name, f"{size_bytes} bytes", expected=f"at most {MAX_BUNDLE_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise BundleError(path.name, f"cannot be read ({error.strerror})", expected="an .evb file") from error


def _split(content: bytes, name: str) -> dict[str, memoryview]:
    """Every member as a view of the file, after the checks of names and storage."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_entries(entries, content)
            return {entry.filename: _data(entry, content) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, OSError) as error:
        raise BundleError(name, f"not a whole ZIP file ({error})", expected="an .evb file") from error
    except (RuntimeError, UnicodeDecodeError, KeyError, IndexError, OverflowError) as error:
        raise BundleError(name, f"a broken ZIP file ({error})", expected="an .evb file") from error


def _check_entries(entries: list[zipfile.ZipInfo], content: bytes) -> None:
    if len(entries) > MAX_MEMBERS:
        raise BundleError("bundle", f"{len(entries)} members", expected=f"at most {MAX_MEMBERS}")
    seen: set[str] = set()
    position = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        name = entry.filename
        parts = name.replace("\\", "/").split("/")
        if name in seen:
            raise BundleError(name, "stands twice in the bundle", expected="every name once")
        seen.add(name)
        if name.startswith(("/", "\\")) or ":" in name or ".." in parts or "." in parts or "" in parts or "\0" in name:
            raise BundleError(repr(name), "an unsafe member name", expected="a relative path without '..'")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise BundleError(name, "compressed", expected="stored members only")
        if entry.flag_bits & 0x1:
            raise BundleError(name, "ZIP-encrypted", expected="stored members only")
        if entry.header_offset != position:
            raise BundleError(name, f"{entry.header_offset - position} stray bytes before it", expected="no gaps")
        position = _end_of(entry, content)
    end_record = content.rfind(b"PK\5\6")
    if end_record + 22 != len(content):
        raise BundleError("bundle", "bytes after the end of the archive", expected="nothing after it")
    central_size, central_offset = struct.unpack_from("<2I", content, end_record + 12)
    if central_offset != position or central_offset + central_size != end_record:
        raise BundleError("bundle", "stray bytes between the members and the directory", expected="no gaps")


def _end_of(entry: zipfile.ZipInfo, content: bytes) -> int:
    """Where a member's data ends; its local header must agree with the directory."""
    if entry.header_offset + LOCAL_HEADER.size > len(content):
        raise BundleError(entry.filename, "truncated", expected="its whole data")
    fields = LOCAL_HEADER.unpack_from(content, entry.header_offset)
    name_length, extra_length = fields[-2], fields[-1]
    start = entry.header_offset + LOCAL_HEADER.size
    if fields[0] != b"PK\3\4" or content[start : start + name_length] != entry.filename.encode():
        raise BundleError(entry.filename, "its local header names another file", expected="the same name")
    if fields[6] != entry.CRC:
        raise BundleError(entry.filename, "two CRCs", expected="its local header and the directory to agree")
    return int(start + name_length + extra_length + entry.file_size)


def _data(entry: zipfile.ZipInfo, content: bytes) -> memoryview:
    """A member's data where it lies; of an entry that `_check_entries` has passed."""
    end = _end_of(entry, content)
    data = memoryview(content)[end - entry.file_size : end]
    is_hashed = entry.filename not in (MANIFEST, signing.MEMBER)  # the others' sha256 says more than a CRC
    if len(data) != entry.file_size or not (is_hashed or zlib.crc32(data) == entry.CRC):
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {entry.filename!r}")
    return data


def _signed(contents: dict[str, memoryview]) -> dict[str, bytes]:
    return {name: bytes(contents[name]) for name in (MANIFEST, signing.MEMBER) if name in contents}


def _check_declared(contents: dict[str, memoryview]) -> Manifest:
    for member in REQUIRED:
        if member not in contents:
            raise BundleError(member, "missing", expected="every bundle to have one")
    if len(contents[MANIFEST]) > MAX_TEXT_BYTES:
        raise BundleError(MANIFEST, f"{len(contents[MANIFEST])} bytes", expected=f"at most {MAX_TEXT_BYTES}")
    manifest = manifest_from_bytes(bytes(contents[MANIFEST]))
    for member, declared in manifest.members.items():
        if member not in contents:
            raise BundleError(member, "declared in the manifest but missing", expected="its data")
        content = contents[member]
        if len(content) != declared.size_bytes:
            raise BundleError(member, f"{len(content)} bytes", expected=f"{declared.size_bytes}")
        actual = hashlib.sha256(content).hexdigest()
        if actual != declared.sha256:
            raise BundleError(member, f"sha256 {actual[:12]}…", expected=f"{declared.sha256[:12]}… (tampered with?)")
    for member in contents:
        if member not in manifest.members and member not in (MANIFEST, signing.MEMBER):
            raise BundleError(member, "not declared in the manifest", expected="only declared members")
    return manifest


def _spec(manifest: Manifest, contents: dict[str, memoryview]) -> ModelSpec:
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
