"""What several test files share. Slow things (training, conversion) are made once a session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.browser import Browser

if TYPE_CHECKING:
    from edgevision.demo import DemoResult


@pytest.fixture(scope="session")
def colour_spec() -> ModelSpec:
    """The spec of the hand-made network that names the strongest colour."""
    contract = Preprocess((Resize((networks.HEIGHT, networks.WIDTH), "squash", "bilinear"), Color("rgb")))
    return ModelSpec("classify", networks.LABELS, contract, Postprocess("classify"))


@pytest.fixture(scope="session")
def colour_content(colour_spec: ModelSpec) -> BundleContent:
    """A bundle's content with the hand-made network as float .tflite and float .onnx."""
    return BundleContent(
        name="strongest-colour",
        version="1.0.0",
        created="2026-01-01T00:00:00Z",
        spec=colour_spec,
        models=(
            (
                networks.variant("models/float32.onnx", "onnx", "image", "probabilities"),
                networks.strongest_colour_onnx(),
            ),
            (
                networks.variant("models/float32.tflite", "tflite", "input", "probabilities"),
                networks.strongest_colour_tflite(),
            ),
        ),
        default_variants={"litert": "float32.tflite", "tflite": "float32.tflite", "onnx": "float32.onnx"},
    )


@pytest.fixture(scope="session")
def colour_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 12 small pictures: a folder for each colour."""
    import cv2

    root = tmp_path_factory.mktemp("colours")
    for position, label in enumerate(networks.LABELS):
        (root / label).mkdir()
        for number in range(4):
            strengths = [40 + 10 * number] * 3
            strengths[position] = 180 + 10 * number
            cv2.imwrite(str(root / label / f"{number}.png"), networks.frame_of(*strengths))
    return root


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 120 small pictures with train, val and test folders: enough to learn from in two epochs."""
    import cv2

    root = tmp_path_factory.mktemp("photos")
    for position, label in enumerate(networks.LABELS):
        for number in range(40):
            split = "test" if number < 12 else "val" if number < 18 else "train"
            strengths = [30 + 3 * number] * 3
            strengths[position] = 150 + 2 * number
            (root / split / label).mkdir(parents=True, exist_ok=True)
            picture = networks.frame_of(*strengths, height=30 + number % 5, width=50)
            cv2.imwrite(str(root / split / label / f"{number}.png"), picture)
    return root


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; tests of pages are skipped where there is none."""
    with Browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="session")
def walked(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """The whole path, walked once: learned, pruned, quantized, converted, verified, packed, proven and run."""
    from edgevision.cli import edgevision
    from edgevision.demo import Recipe, run_demo

    def run_verb(arguments: list[str]) -> int:
        code = edgevision.main(arguments, prog_name="edgevision", standalone_mode=False)
        return code if isinstance(code, int) else 0

    recipe = Recipe(
        task="classify",
        data=str(photo_folder),
        name="photos",
        train=("--arch", "cnn", "--image-size", "16,24", "--epochs", "6", "--augment", "none"),
        prune=("--sparsity", "0.5", "--epochs", "2"),
        quantize=("--epochs", "2"),
        own_images="a folder for each class",
    )
    return run_demo(recipe, tmp_path_factory.mktemp("walk") / "demo", run_verb, print)


@pytest.fixture(scope="session")
def embedding_content(colour_content: BundleContent) -> BundleContent:
    """The ONNX network with its means as features; whitened, they are red, green and blue less a medium grey."""
    import io

    import numpy as np

    from edgevision_runtime.types import EmbeddingOutput, TensorSpec

    buffer = io.BytesIO()
    grey = networks.GAIN * 110 / 255
    np.save(buffer, np.vstack([np.eye(3), np.full((1, 3), -grey)]).astype(np.float32))
    plain = networks.variant("models/float32.onnx", "onnx", "image", "probabilities")
    variant = plain._replace(outputs=(*plain.outputs, TensorSpec("means", (1, 3), "float32")))
    return replace(
        colour_content,
        models=((variant, networks.strongest_colour_onnx(with_means=True)),),
        default_variants={"onnx": "float32.onnx"},
        extra={"reference/whitening.npy": buffer.getvalue()},
        embedding=EmbeddingOutput(1, 3, "a" * 64, "b" * 64, "reference/whitening.npy"),
    )


@pytest.fixture
def embedding_bundle(embedding_content: BundleContent, tmp_path: Path) -> Bundle:
    """A draft bundle whose frames have an embedding."""
    return write_bundle(tmp_path / "embedding.evb", embedding_content)


@pytest.fixture
def colour_bundle(colour_content: BundleContent, tmp_path: Path) -> Bundle:
    """A draft bundle (no golden vectors) of the hand-made network."""
    return write_bundle(tmp_path / "colour.evb", colour_content)


@pytest.fixture
def packed_bundle(colour_bundle: Bundle, colour_folder: Path, tmp_path: Path) -> Bundle:
    """The same with golden vectors."""
    from edgevision.data.dataset import open_dataset
    from edgevision.packing.golden_vectors import golden_vectors
    from edgevision_runtime.bundle_writer import BundleChanges, rewrite_bundle

    golden = golden_vectors(colour_bundle, open_dataset(str(colour_folder)).samples, 3)
    return rewrite_bundle(tmp_path / "packed.evb", colour_bundle, BundleChanges(extra=golden))
