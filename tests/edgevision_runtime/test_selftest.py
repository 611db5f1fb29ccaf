"""Golden vectors catch every change of the contract and of a model; a device proves them before it goes live."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgevision.data.dataset import open_dataset
from edgevision.packing.golden_vectors import golden_vectors
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleChanges, BundleContent, rewrite_bundle, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import BundleError, CheckFailed, MissingDependency, UsageError
from edgevision_runtime.golden import read_golden, tensor_sha256
from edgevision_runtime.operations import (
    Color,
    Contrast,
    Crop,
    Denoise,
    Normalize,
    Resize,
    WhiteBalance,
)
from edgevision_runtime.predictor import choose
from edgevision_runtime.selftest import selftest
from tests.edgevision_runtime import networks

STABLE = Preprocess(
    (
        WhiteBalance("gray_world"),
        Denoise("median", size=3),
        Crop("roi", box=(0.1, 0.05, 0.9, 0.95)),
        Resize((12, 16), "letterbox", "bilinear", 114),
        Color("rgb"),
        Normalize(0.9, (3.0, 2.0, 1.0), (1.1, 1.2, 1.3)),
    )
)
WITHIN_ONE = Preprocess(
    (
        Denoise("nlmeans", strength=6.0),
        Contrast("clahe", 3.0, 4),
        Crop("center", size=(100, 140)),
        Resize((12, 16), "fit_shortest", "area"),
        Color("rgb"),
        Normalize(1.0, (0.0,), (2.0,)),
    )
)


@pytest.fixture(scope="module")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames large enough for CLAHE's tiles and non-local means to have something to do."""
    import cv2

    root = tmp_path_factory.mktemp("large")
    for label, colour in {"red": (190, 70, 60), "green": (60, 180, 70), "blue": (50, 80, 200)}.items():
        (root / label).mkdir()
        cv2.imwrite(str(root / label / "0.png"), networks.frame_of(*colour, height=120, width=160))
    return root


def with_contract(bundle: Bundle, contract: Preprocess) -> Bundle:
    """The bundle as if only its contract had been changed after the golden vectors were made."""
    return dataclasses.replace(bundle, spec=dataclasses.replace(bundle.spec, preprocess=contract))


def mutations(contract: Preprocess) -> Iterator[tuple[str, Preprocess]]:
    """Every operation left out, and every field of every operation changed in turn."""
    operations = contract.operations
    for position, operation in enumerate(operations):
        where = operations[:position], operations[position + 1 :]
        if operation.name != "resize":  # without it the model could not read the tensor at all
            yield f"without {operation.name}", Preprocess((*where[0], *where[1]))
        for field in dataclasses.fields(operation):  # type: ignore[arg-type]
            for value in other_values(operation, field.name):
                changed = dataclasses.replace(operation, **{field.name: value})  # type: ignore[type-var]
                yield f"{operation.name}.{field.name} = {value}", Preprocess((*where[0], changed, *where[1]))


def other_values(operation: Any, field: str) -> list[Any]:
    value = getattr(operation, field)
    if value is None:
        return []  # a field of the other mode or method
    choices: dict[tuple[str, str], list[Any]] = {
        ("denoise", "size"): [5],
        ("crop", "box"): [(0.15, 0.05, 0.9, 0.95), (0.1, 0.05, 0.9, 0.85)],
        ("crop", "size"): [(98, 140), (100, 136)],
        ("resize", "kernel"): [kernel for kernel in ("bilinear", "area", "nearest") if kernel != value],
        ("color", "to"): [to for to in ("rgb", "bgr") if to != value],
    }
    if (operation.name, field) in choices:
        return choices[operation.name, field]
    if operation.name == "resize" and field in ("size", "mode"):
        return []  # size: the model refuses it; mode: its own test below, as pad comes and goes with it
    if isinstance(value, str):
        return []  # one choice only, or the other method, which has other fields
    if isinstance(value, tuple):
        return [tuple(v + 0.01 * (i == j) for j, v in enumerate(value)) for i in range(len(value))]
    return [value + (1 if isinstance(value, int) else 0.5)]


def packed_with(contract: Preprocess, content: BundleContent, folder: Path, tmp_path: Path) -> Bundle:
    spec = dataclasses.replace(content.spec, preprocess=contract)
    draft = write_bundle(tmp_path / "draft.evb", dataclasses.replace(content, spec=spec))
    golden = golden_vectors(draft, open_dataset(str(folder)).samples, 3)
    return rewrite_bundle(tmp_path / "packed.evb", draft, BundleChanges(extra=golden))


def test_a_packed_bundle_passes_on_the_machine_that_packed_it(packed_bundle: Bundle) -> None:
    result = selftest(packed_bundle)

    assert result.has_passed
    assert result.vectors == 3
    assert {proof.worst_difference for proof in result.proofs} == {0.0}


@pytest.mark.parametrize("contract", [STABLE, WITHIN_ONE], ids=["bit-stable", "within-one"])
def test_every_change_of_the_contract_is_caught(
    contract: Preprocess, colour_content: BundleContent, large_folder: Path, tmp_path: Path
) -> None:
    bundle = packed_with(contract, colour_content, large_folder, tmp_path)
    assert selftest(bundle).has_passed

    survivors, seen_in_the_tensor = [], 0
    everything = list(mutations(contract))
    for name, mutated in everything:
        failures = selftest(with_contract(bundle, mutated)).contract_failures
        seen_in_the_tensor += any("recorded with" not in line for line in failures)
        if not failures:
            survivors.append(name)

    assert survivors == []
    assert len(everything) >= 12
    # Not by the contract's fingerprint alone: what the frames become shows it too. Where one step is forgiven, a
    # slightly stronger denoising can hide.
    assert seen_in_the_tensor >= len(everything) * (1.0 if contract.is_bit_stable else 0.8)


@pytest.mark.parametrize(
    "resize",
    [
        Resize((12, 16), "squash", "bilinear"),
        Resize((12, 16), "fit_shortest", "bilinear"),
        Resize((12, 16), "letterbox", "bilinear", 115),
    ],
)
def test_another_way_to_resize_is_caught(
    resize: Resize, colour_content: BundleContent, colour_folder: Path, tmp_path: Path
) -> None:
    bundle = packed_with(STABLE, colour_content, colour_folder, tmp_path)
    mutated = Preprocess(tuple(resize if isinstance(o, Resize) else o for o in STABLE.operations))

    assert selftest(with_contract(bundle, mutated)).contract_failures


def test_one_step_is_forgiven_only_where_cpus_differ(
    colour_content: BundleContent, large_folder: Path, tmp_path: Path
) -> None:
    bundle = packed_with(WITHIN_ONE, colour_content, large_folder, tmp_path)
    member = read_golden(bundle)[0].image
    assert member is not None
    contents = dict(bundle._contents)

    def shifted(steps: int) -> Bundle:
        import io

        image = np.load(io.BytesIO(bundle.read(member))).astype(np.int16)
        image[0, 0, 0] += steps if image[0, 0, 0] < 128 else -steps
        buffer = io.BytesIO()
        np.save(buffer, image.astype(np.uint8))
        vector = bundle.read_json("golden/000.json")
        vector["tensor_sha256"] = tensor_sha256(WITHIN_ONE.to_tensor(image.astype(np.uint8)))
        import json

        changed = {**contents, member: buffer.getvalue(), "golden/000.json": json.dumps(vector).encode()}
        return dataclasses.replace(bundle, _contents=changed)

    assert not selftest(shifted(1)).contract_failures
    assert selftest(shifted(2)).contract_failures == (
        "golden/000.png: the prepared image is 2 steps off, at most 1 is allowed",
    )


def test_a_model_that_answers_otherwise_fails(packed_bundle: Bundle) -> None:
    contents = dict(packed_bundle._contents)
    member = read_golden(packed_bundle)[0].outputs[0].members[0]
    content = bytearray(contents[member])
    content[-4:] = np.float32(0.9).tobytes()
    contents[member] = bytes(content)

    result = selftest(dataclasses.replace(packed_bundle, _contents=contents))

    assert not result.has_passed
    assert any("is allowed" in line for proof in result.proofs for line in proof.failures)


def test_a_draft_without_golden_vectors_says_what_to_do(colour_bundle: Bundle) -> None:
    with pytest.raises(CheckFailed, match="edgevision pack"):
        selftest(colour_bundle)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("golden/000.png", b""),
        ("golden/000.png", b"\x89PNG garbage"),
        ("golden/000.float32.onnx.onnx.0.npy", b""),
        (
            "golden/000.float32.onnx.onnx.0.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (9",
        ),
        ("golden/000.json", b"[]"),
        ("golden/000.json", b'{"schema": "edgevision.golden/1"}'),
    ],
)
def test_a_broken_golden_member_is_named(packed_bundle: Bundle, member: str, content: bytes) -> None:
    broken = dataclasses.replace(packed_bundle, _contents={**packed_bundle._contents, member: content})

    with pytest.raises(BundleError, match=member):
        selftest(broken)


def test_an_array_that_claims_to_be_enormous_is_refused_at_once(packed_bundle: Bundle) -> None:
    import io

    member = "golden/000.float32.onnx.onnx.0.npy"
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (10**15,)})
    broken = dataclasses.replace(packed_bundle, _contents={**packed_bundle._contents, member: buffer.getvalue()})

    with pytest.raises(BundleError, match=member):
        selftest(broken)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"engine": "onxn"}, UsageError, r"engine 'onxn'.*did you mean onnx\?"),
        ({"variant": "int4.tflite"}, UsageError, "no variant 'int4.tflite'"),
        ({"variant": "float32.onnx", "engine": "litert"}, UsageError, "litert does not run float32.onnx"),
        ({"engine": "tflite"}, MissingDependency, r'pip install "edgevision-runtime\[tflite\]"'),
    ],
)
def test_what_cannot_be_asked_for_says_why(
    packed_bundle: Bundle, asked: dict[str, str], error: type[Exception], message: str
) -> None:
    for ask in (selftest, choose):
        with pytest.raises(error, match=message):
            ask(packed_bundle, **asked)
