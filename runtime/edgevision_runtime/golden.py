"""Golden vectors: frames whose tensor and outputs are known, re-computed by each device before it trusts a bundle.

`golden/NNN.json` names the frame (PNG), the sha256 of the tensor that the contract makes of it, and for each variant
and engine the outputs that the workstation saw, with a tolerance. Where the contract has an operation that is not
bit-stable across CPUs, the uint8 image before normalization is kept too and compared within one step.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision_runtime.errors import BundleError, ModelError
from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.contract import Preprocess
    from edgevision_runtime.types import Image, Tensor, Variant

SCHEMA = "edgevision.golden/1"
FOLDER = "golden/"

# By how much the same engine was seen to differ between x86-64 and (emulated) aarch64, with a margin: steps of a
# quantized output (int8 on LiteRT: none; on onnxruntime 2; on tflite-runtime up to 6), shares of a float output's
# range (float32: 1e-6).
STEPS = {"litert": 1, "onnx": 4, "tflite": 6}
SHARES = {"float32": 1e-5, "float16": 1e-3, "dynamic": 1e-3, "int16x8": 1e-3, "int8": 1e-5}
HALF_PRECISION_SHARE = 0.05  # onnxruntime computes float16 in half precision on ARM and in float32 elsewhere

# What rounds differently on another processor: there the tolerance also holds what plain kernels depart by.
VARIES_BY_PROCESSOR = {("litert", "dynamic"), ("tflite", "dynamic"), ("onnx", "dynamic"), ("onnx", "int8")}


@dataclass(frozen=True)
class GoldenOutput:
    """What one variant gave on one engine."""

    variant: str
    engine: str
    engine_version: str
    kernels: str
    members: tuple[str, ...]  # one .npy for each output, float32 dequantized
    tolerances: tuple[float, ...]  # largest absolute difference allowed on this engine, for each output
    other_tolerances: tuple[float, ...]  # the same on an engine with other kernels


@dataclass(frozen=True)
class GoldenVector:
    """One frame and everything that must come of it."""

    frame: str  # member: PNG
    contract: str  # fingerprint of the contract it was made with
    tensor_sha256: str
    image: str | None  # member: .npy of the uint8 image, kept when the contract is not bit-stable
    outputs: tuple[GoldenOutput, ...]


def tensor_sha256(tensor: Tensor) -> str:
    """sha256 over dtype, shape and bytes of a tensor, in hex."""
    digest = hashlib.sha256(f"{tensor.dtype.name}{list(tensor.shape)}".encode())
    digest.update(tensor.tobytes())
    return digest.hexdigest()


def tolerance(variant: Variant, output: int, engine: str, values: Tensor) -> float:
    """The largest absolute difference that another machine may show for this output."""
    spec = variant.outputs[output]
    if spec.scale is not None:
        return STEPS[engine] * spec.scale * 1.001  # a hair for the rounding of the product
    spread = max(1.0, float(values.max() - values.min()))
    if variant.precision == "int8":  # int8 inside, float at the edge: the last step is about 1/255 of the range
        return STEPS[engine] * spread / 255 * 1.001
    if (engine, variant.precision) == ("onnx", "float16"):
        return HALF_PRECISION_SHARE * spread
    return SHARES[variant.precision] * spread


def read_golden(bundle: Bundle) -> tuple[GoldenVector, ...]:
    """All golden vectors of a bundle, in order.

    Raises:
        BundleError: names the member that is not a golden vector.
    """
    names = [m for m in bundle.members if m.startswith(FOLDER) and m.endswith(".json")]
    return tuple(_parse(name, bundle.read_json(name)) for name in names)


def golden_to_json(vector: GoldenVector) -> dict[str, Any]:
    """The contents of `golden/NNN.json`."""
    return {
        "schema": SCHEMA,
        "frame": vector.frame,
        "contract": vector.contract,
        "tensor_sha256": vector.tensor_sha256,
        "image": vector.image,
        "outputs": [
            {
                "variant": output.variant,
                "engine": output.engine,
                "engine_version": output.engine_version,
                "kernels": output.kernels,
                "members": list(output.members),
                "tolerances": list(output.tolerances),
                "other_tolerances": list(output.other_tolerances),
            }
            for output in vector.outputs
        ],
    }


def read_frame(bundle: Bundle, member: str) -> Image:
    """A golden frame, uint8 (h, w, 3) BGR."""
    cv2 = opencv()
    import numpy as np

    try:
        image = cv2.imdecode(np.frombuffer(bundle.read(member), np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # empty, or a picture beyond OpenCV's limits
        raise BundleError(member, f"not a picture ({error.err})", expected="a PNG") from error
    if image is None:
        raise BundleError(member, "not a picture", expected="a PNG")
    return image  # type: ignore[no-any-return]


def read_array(bundle: Bundle, member: str) -> Tensor:
    """An array member (.npy, never pickled)."""
    import numpy as np

    try:
        return np.load(io.BytesIO(bundle.read(member)), allow_pickle=False)  # type: ignore[no-any-return]
    except (ValueError, EOFError, MemoryError) as error:  # MemoryError: a header that claims more than there is
        raise BundleError(member, f"not an array ({error})", expected="an .npy file") from error


def check_contract(bundle: Bundle, vector: GoldenVector) -> tuple[Tensor, tuple[str, ...]]:
    """Run the contract on a golden frame; returns the tensor, and a line for each thing that differs."""
    preprocess = bundle.spec.preprocess
    image = preprocess.to_image(read_frame(bundle, vector.frame))
    tensor = preprocess.to_tensor(image)
    failures = []
    if preprocess.fingerprint != vector.contract:
        failures.append("the contract is not the one it was recorded with")
    if vector.image is None:
        if tensor_sha256(tensor) != vector.tensor_sha256:
            failures.append("the input tensor is not the one that was recorded")
    else:
        failures += _within_one_step(preprocess, image, read_array(bundle, vector.image), vector.tensor_sha256)
    return tensor, tuple(failures)


def _within_one_step(preprocess: Preprocess, image: Image, recorded: Tensor, sha256: str) -> list[str]:
    """For contracts that are not bit-stable: the image within one step, and what follows it exactly."""
    import numpy as np

    if recorded.shape != image.shape or tensor_sha256(preprocess.to_tensor(recorded)) != sha256:
        return ["the input tensor is not the one that was recorded"]
    steps = int(np.abs(recorded.astype(np.int16) - image.astype(np.int16)).max())
    return [] if steps <= 1 else [f"the prepared image is {steps} steps off, at most 1 is allowed"]


def matching_output(vector: GoldenVector, variant: Variant, engine: str) -> GoldenOutput:
    """The record to compare an engine with: its own, else the one of another engine for the same file.

    Raises:
        ModelError: the variant has no record at all.
    """
    records = [output for output in vector.outputs if output.variant == variant.name]
    own = [output for output in records if output.engine == engine]
    if not records:
        raise ModelError(f"{vector.frame} has no outputs for {variant.name}", hint="pack the bundle again")
    return (own or records)[0]


def _parse(name: str, document: Any) -> GoldenVector:
    try:
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}")
        return GoldenVector(
            frame=str(document["frame"]),
            contract=str(document["contract"]),
            tensor_sha256=str(document["tensor_sha256"]),
            image=None if document["image"] is None else str(document["image"]),
            outputs=tuple(
                GoldenOutput(
                    variant=str(entry["variant"]),
                    engine=str(entry["engine"]),
                    engine_version=str(entry["engine_version"]),
                    kernels=str(entry["kernels"]),
                    members=tuple(map(str, entry["members"])),
                    tolerances=tuple(map(float, entry["tolerances"])),
                    other_tolerances=tuple(map(float, entry["other_tolerances"])),
                )
                for entry in document["outputs"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(name, f"not a golden vector ({error})", expected=SCHEMA) from error
