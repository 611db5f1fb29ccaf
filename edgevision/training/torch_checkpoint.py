"""Read tensors from a torch checkpoint without torch, and without running what the file says.

A checkpoint is a pickle, and a pickle is a program. The unpickler here knows six names (OrderedDict, the storage
types, the functions that rebuild a tensor) and answers all others with ModelError. Both layouts are read: the legacy
stream of pickles, and the ZIP of torch 1.6 and later.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision_runtime.errors import ModelError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
_REBUILDERS = {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"}
_BROKEN = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    RuntimeError,
    MemoryError,
)
"""What unpickling broken bytes raises."""

Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class _StorageType:
    dtype: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    elements: int


@dataclass(frozen=True)
class _View:
    """A tensor before its bytes are known: a strided window on a storage, all counted in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Rebuilder:
    """Stands for torch's rebuild functions; holds no state that a BUILD instruction could change."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any = None, shape: Any = (), strides: Any = (), *_: Any) -> _View:
        if isinstance(storage, _View):  # _rebuild_parameter wraps a tensor
            return storage
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without storage")
        return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


class _TensorsOnly(pickle.Unpickler):
    """An unpickler that can make tensors and containers of them, nothing else."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in DTYPES:
            return _StorageType(DTYPES[name])
        if module == "torch._utils" and name in _REBUILDERS:
            return _Rebuilder()
        raise ModelError(
            f"the checkpoint asks for {module}.{name}",
            expected="tensors and containers only",
            hint="refused: loading it would run code from the file; save the state_dict alone",
        )

    def persistent_load(self, saved: Any) -> _Storage:
        kind, storage_type, key, _, elements = saved[:5]
        if kind != "storage" or not isinstance(storage_type, _StorageType) or any(saved[5:]):
            raise pickle.UnpicklingError(f"unknown record {kind!r}")
        return self.storages.setdefault(str(key), _Storage(str(key), storage_type.dtype, int(elements)))


def read_torch_checkpoint(content: bytes) -> Tensors:
    """Return the tensors of a state dict by name. Raises ModelError when there is more in the file than tensors."""
    try:
        is_zip = zipfile.is_zipfile(io.BytesIO(content))
        root, storages = _read_zip(content) if is_zip else _read_legacy(content)
        return {name: _resolve(view, storages) for name, view in _state_dict(root).items()}
    except _BROKEN as error:
        raise ModelError(
            f"not a readable torch checkpoint: {error}", expected="a state dict saved by torch.save"
        ) from error


def _read_zip(content: bytes) -> tuple[Any, dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise pickle.UnpicklingError(f"{len(pickles)} data.pkl in the archive")
        folder = pickles[0].removesuffix("data.pkl")
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise pickle.UnpicklingError("compressed members")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise pickle.UnpicklingError("big-endian tensors")
        root = _TensorsOnly(io.BytesIO(archive.read(pickles[0]))).load()
        prefix = f"{folder}data/"
        members = [name for name in archive.namelist() if name.startswith(prefix)]
        return root, {name.removeprefix(prefix): archive.read(name) for name in members}


def _read_legacy(content: bytes) -> tuple[Any, dict[str, bytes]]:
    stream = io.BytesIO(content)
    if (magic := _TensorsOnly(stream).load()) != LEGACY_MAGIC:
        raise pickle.UnpicklingError(f"magic number {magic!r:.40}")
    if (protocol := _TensorsOnly(stream).load()) != LEGACY_PROTOCOL:
        raise pickle.UnpicklingError(f"protocol {protocol!r:.40}")
    if _TensorsOnly(stream).load().get("little_endian") is not True:
        raise pickle.UnpicklingError("big-endian tensors")
    reader = _TensorsOnly(stream)
    root = reader.load()
    storages: dict[str, bytes] = {}
    for key in _TensorsOnly(stream).load():
        storage = reader.storages[str(key)]
        (elements,) = struct.unpack("<q", stream.read(8))
        if elements != storage.elements:
            raise pickle.UnpicklingError(f"storage {key} has {elements} elements where {storage.elements} were stated")
        storages[storage.key] = stream.read(elements * np.dtype(storage.dtype).itemsize)
    return root, storages


def _state_dict(root: Any) -> Mapping[str, _View]:
    """Find the mapping of names to tensors: the root itself, or its `state_dict` or `model`."""
    for name in ("state_dict", "model"):
        if isinstance(root, Mapping) and isinstance(root.get(name), Mapping):
            root = root[name]
    if not isinstance(root, Mapping):
        raise pickle.UnpicklingError(f"a {type(root).__name__} instead of named tensors")
    strays = [str(name) for name, value in root.items() if not isinstance(value, _View)]
    if strays or not root:
        raise pickle.UnpicklingError(f"no tensor in {', '.join(strays[:3]) or 'it'}")
    return {str(name): view for name, view in root.items()}


def _resolve(view: _View, storages: Mapping[str, bytes]) -> npt.NDArray[Any]:
    data = np.frombuffer(storages[view.storage.key], dtype=view.storage.dtype)
    if len(view.shape) != len(view.strides) or min((view.offset, *view.shape, *view.strides)) < 0:
        raise ValueError(f"shape {view.shape} with strides {view.strides}")
    last = view.offset + sum((count - 1) * step for count, step in zip(view.shape, view.strides, strict=True))
    size = int(np.prod(view.shape, dtype=object))
    if size > data.size or (size and last >= data.size):
        raise ValueError(f"a tensor of {view.shape} reaches beyond its {data.size} stored numbers")
    strides = tuple(step * data.itemsize for step in view.strides)
    return np.lib.stride_tricks.as_strided(data[view.offset :], view.shape, strides, writeable=False).copy()
