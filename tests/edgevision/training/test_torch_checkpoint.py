import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from edgevision.training.torch_checkpoint import LEGACY_MAGIC, LEGACY_PROTOCOL, read_torch_checkpoint
from edgevision_runtime.errors import ModelError

NUMBERS = np.arange(6, dtype="<f4")


class Storage:
    """What torch writes by persistent id: a run of numbers with a key."""

    def __init__(self, key: str, elements: int) -> None:
        self.key, self.elements = key, elements


class Tensor:
    """Pickles like a torch tensor: a strided window on a storage."""

    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


class Pickler(pickle.Pickler):
    def __init__(self, stream, legacy):
        super().__init__(stream, protocol=2)
        self.legacy = legacy

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        record = ("storage", sys.modules["torch"].FloatStorage, value.key, "cpu", value.elements)
        return (*record, None) if self.legacy else record


@pytest.fixture(autouse=True)
def names_of_torch(monkeypatch):
    """Modules that carry the names which a checkpoint refers to; torch itself is not installed."""

    def _rebuild_tensor_v2():
        raise AssertionError("only its name is used")

    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def pickled(value, legacy=False) -> bytes:
    stream = io.BytesIO()
    Pickler(stream, legacy).dump(value)
    return stream.getvalue()


def legacy_file(root) -> bytes:
    head = [LEGACY_MAGIC, LEGACY_PROTOCOL, {"little_endian": True}]
    parts = [pickle.dumps(part, protocol=2) for part in head]
    parts += [pickled(root, legacy=True), pickle.dumps(["7"], protocol=2), struct.pack("<q", 6), NUMBERS.tobytes()]
    return b"".join(parts)


def zip_file(root) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("weights/data.pkl", pickled(root))
        archive.writestr("weights/data/7", NUMBERS.tobytes())
    return stream.getvalue()


def two_tensors():
    storage = Storage("7", 6)
    rows = Tensor(storage, 0, (2, 3), (3, 1))
    transposed_tail = Tensor(storage, 2, (2, 2), (1, 2))
    return OrderedDict(rows=rows, tail=transposed_tail)


@pytest.mark.parametrize("write", [legacy_file, zip_file])
@pytest.mark.parametrize("wrap", [lambda root: root, lambda root: {"state_dict": root, "epoch": 3}])
def test_both_layouts_give_tensors_by_name_through_their_strides(write, wrap):
    content = write(wrap(two_tensors()))

    tensors = read_torch_checkpoint(content)

    np.testing.assert_array_equal(tensors["rows"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(tensors["tail"], [[2, 4], [3, 5]])
    assert tensors["rows"].dtype == np.float32


@pytest.mark.parametrize("write", [legacy_file, zip_file])
def test_a_checkpoint_that_would_run_code_is_refused_by_name_and_runs_nothing(write, tmp_path):
    marker = tmp_path / "ran"

    class Malicious:
        def __reduce__(self):
            return os.system, (f"touch {marker}",)

    content = write(OrderedDict(rows=Tensor(Storage("7", 6), 0, (6,), (1,)), trap=Malicious()))

    with pytest.raises(ModelError, match=r"asks for posix.system; expected tensors and containers only"):
        read_torch_checkpoint(content)
    assert not marker.exists()


def test_a_first_pickle_that_would_run_code_is_refused_too():
    class Malicious:
        def __reduce__(self):
            return eval, ("1 + 1",)

    with pytest.raises(ModelError, match=r"asks for .*builtin.*eval"):
        read_torch_checkpoint(pickle.dumps(Malicious(), protocol=2))


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(1, (6,), (1,)), (0, (3, 3), (3, 1)), (0, (7,), (0,)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (2, 2), (1,))],
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(offset, shape, strides):
    content = zip_file(OrderedDict(rows=Tensor(Storage("7", 6), offset, shape, strides)))

    with pytest.raises(ModelError, match="not a readable torch checkpoint"):
        read_torch_checkpoint(content)


@pytest.mark.parametrize("write", [legacy_file, zip_file])
def test_a_file_cut_anywhere_is_refused(write):
    content = write(two_tensors())

    for length in range(len(content)):
        with pytest.raises(ModelError):
            read_torch_checkpoint(content[:length])


def test_a_checkpoint_without_named_tensors_is_refused():
    with pytest.raises(ModelError, match="no tensor in epoch"):
        read_torch_checkpoint(zip_file({"epoch": 3}))
