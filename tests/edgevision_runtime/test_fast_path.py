"""The fast path makes the contract's own bits, for every contract and every frame, and keeps its arrays."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.engines.quantization import InputQuantizer
from edgevision_runtime.errors import ContractError, ModelError
from edgevision_runtime.fast_path import PreparedInput
from edgevision_runtime.operations import (
    Color,
    Contrast,
    Crop,
    Denoise,
    Layout,
    Normalize,
    Operation,
    Resize,
    WhiteBalance,
)
from edgevision_runtime.types import TensorSpec

QUANTIZATIONS = (  # dtype, scale, zero point
    ("float32", None, None),
    ("uint8", None, None),
    ("uint8", 1.0, 0),
    ("int8", 1.0, -128),  # our own exports: the top bit flipped
    ("int8", 2 / 255, -1),  # values land between two steps: half to even
    ("uint8", 0.0186, 114),
    ("int8", None, None),
    ("float16", None, None),
    ("int16", 1 / 128, 0),
    ("int32", None, None),
)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@st.composite
def resizes(draw: st.DrawFn) -> Resize:
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    mode = draw(st.sampled_from(("squash", "fit_shortest", "letterbox")))
    kernel = draw(st.sampled_from(("bilinear", "area", "nearest")))
    return Resize(size, mode, kernel, draw(st.integers(0, 255)) if mode == "letterbox" else None)


CROPS = st.sampled_from((Crop("center", size=(5, 6)), Crop("roi", box=(0.1, 0.2, 0.9, 0.75))))
BEFORE_COLOR = st.sampled_from(
    (
        WhiteBalance("gray_world"),
        Denoise("median", size=3),
        Denoise("nlmeans", strength=3.0),
        Contrast("clahe", 2.0, 2),
        Crop("roi", box=(0.0, 0.1, 0.8, 1.0)),
    )
)


@st.composite
def contracts(draw: st.DrawFn) -> Preprocess:
    """Image operations in any order that a contract may have, each present or not."""
    color = draw(st.sampled_from((None, Color("rgb"), Color("bgr"), Color("gray"))))
    operations: list[Operation] = draw(st.lists(BEFORE_COLOR, max_size=2, unique_by=lambda operation: operation.name))
    after = draw(st.permutations([o for o in (draw(st.none() | CROPS), draw(st.none() | resizes()), color) if o]))
    if any(isinstance(o, Crop) for o in operations):
        after = [o for o in after if not isinstance(o, Crop)]
    operations += after
    channels = 1 if color == Color("gray") else 3
    normalizations = [None, Normalize(1 / 127.5, (1.0,), (1.0,)), Normalize(1.0, (0.0,), (1.0,))]
    normalizations += [Normalize(1 / 255, *IMAGENET)] if channels == 3 else []
    normalize = draw(st.sampled_from(normalizations))
    layout = draw(st.sampled_from((None, Layout("NHWC"), Layout("NCHW"))))
    return Preprocess(tuple(o for o in (*operations, normalize, layout) if o is not None))


@st.composite
def pictures(draw: st.DrawFn) -> Pictures:
    """Two frames of one shape and one of another; large enough for every crop that `contracts` draws."""
    one, other = (draw(st.tuples(st.integers(16, 90), st.integers(16, 90))) for _ in range(2))
    return Pictures(draw(st.integers(0, 2**32 - 1)), (one, one, other, one))


@dataclass(frozen=True)
class Pictures:
    """Noise of these shapes; hypothesis shows the seed, not the pixels."""

    seed: int
    shapes: tuple[tuple[int, int], ...]

    def __iter__(self) -> Iterator[np.ndarray]:
        random = np.random.default_rng(self.seed)
        for shape in self.shapes:
            yield random.integers(0, 256, (*shape, 3), np.uint8)


def spec_for(contract: Preprocess, quantization: tuple[str, float | None, int | None]) -> TensorSpec:
    channels = contract.channels
    open_shape = (1, channels, -1, -1) if contract.layout == "NCHW" else (1, -1, -1, channels)
    return TensorSpec("x", open_shape if contract.size is None else (1, *contract.shape), *quantization)


def is_bit_equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@settings(max_examples=400, deadline=None)
@given(contract=contracts(), quantization=st.sampled_from(QUANTIZATIONS), pictures=pictures())
def test_the_fast_path_makes_the_contracts_bits(contract, quantization, pictures) -> None:
    spec = spec_for(contract, quantization)
    prepare, quantize = PreparedInput(contract, spec), InputQuantizer(spec)

    for picture in pictures:
        try:
            expected = quantize(contract(picture))
        except ContractError:  # a crop larger than what an earlier operation left
            with pytest.raises(ContractError):
                prepare(picture)
            continue
        assert is_bit_equal(prepare(picture), expected), prepare.describe()
        memory = np.empty(expected.shape, expected.dtype)
        prepare.write(picture, {memory.shape: memory}.__getitem__)
        assert is_bit_equal(memory, expected), prepare.describe()


@pytest.mark.parametrize("size", [(720, 1280), (480, 640), (240, 320), (224, 224), (100, 80), (1080, 1920)])
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("mode", ["squash", "fit_shortest", "letterbox"])
def test_cameras_sizes_come_out_with_the_contracts_bits(size, color, mode) -> None:
    resize = Resize((224, 224), mode, "bilinear", 114 if mode == "letterbox" else None)
    contract = Preprocess((resize, Color(color)))
    spec = spec_for(contract, ("int8", 1.0, -128))
    prepare = PreparedInput(contract, spec)
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (*size, 3), np.uint8)
    edges = ((noise > 127) * 255).astype(np.uint8)

    for picture in (noise, edges, noise[:, ::-1]):  # the last one is no contiguous array
        assert is_bit_equal(prepare(picture), InputQuantizer(spec)(contract(picture)))
        assert prepare.agrees(picture)


@dataclass(frozen=True)
class Mirror(Operation):
    """An operation of later: no fast form."""

    name: ClassVar[str] = "mirror"

    def apply(self, image: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(image[:, ::-1])


def test_an_operation_without_a_fast_form_runs_as_written_and_is_named() -> None:
    contract = Preprocess((Mirror(), Resize((8, 8), "squash", "bilinear"), Color("rgb")))
    spec = TensorSpec("x", (1, 8, 8, 3), "int8", 1.0, -128)
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)

    prepare = PreparedInput(contract, spec)

    assert prepare.agrees(picture)
    assert prepare.describe() == (
        "mirror: as written, no fast form",
        "resize and color: into place",
        "int8 input: top bit flipped",
    )


@pytest.mark.parametrize(
    ("quantization", "said"),
    [
        (("uint8", 1.0, 0), "uint8 input: as they are"),
        (("int8", 1.0, -128), "int8 input: top bit flipped"),
        (("int8", 2 / 255, -1), "int8 input: one table of 256"),  # flipping a bit would be one step off at every half
        (("float32", None, None), "float32 input: as they are"),
        (("float16", None, None), "float16 input: as written, no fast form"),
    ],
)
def test_the_way_into_the_tensor_is_chosen_by_the_table_not_by_the_dtype(quantization, said) -> None:
    contract = Preprocess((Resize((4, 4), "squash", "bilinear"), *((Normalize(1 / 127.5, (1.0,), (1.0,)),)
                           if quantization[1] == 2 / 255 else ())))  # fmt: skip

    assert PreparedInput(contract, spec_for(contract, quantization)).describe()[-1] == said


@pytest.mark.parametrize("quantization", [("int8", 1.0, -128), ("float32", None, None)])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("mode", ["squash", "letterbox"])
def test_no_array_of_the_images_size_is_made_for_a_frame(quantization, layout, mode) -> None:
    resize = Resize((96, 96), mode, "bilinear", 0 if mode == "letterbox" else None)
    contract = Preprocess((resize, Color("rgb"), Layout(layout)))
    prepare = PreparedInput(contract, spec_for(contract, quantization))
    picture = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    prepare(picture)

    tracemalloc.start()
    for _ in range(200):
        prepare(picture)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 8192  # views and Python's own objects; the smallest plane of this image has 9216


def test_what_is_no_frame_or_does_not_fit_the_model_is_refused_as_the_contract_refuses_it() -> None:
    contract = Preprocess((Resize((4, 6), "squash", "bilinear"),))
    prepare = PreparedInput(contract, TensorSpec("x", (1, 6, 4, 3), "float32"))

    with pytest.raises(ContractError, match="expected uint8"):
        prepare(np.zeros((5, 5), np.uint8))
    with pytest.raises(ModelError, match=r"was given \(4, 6, 3\); expected \(6, 4, 3\)"):
        prepare(np.zeros((5, 5, 3), np.uint8))
