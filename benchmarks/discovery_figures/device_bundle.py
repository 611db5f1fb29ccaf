"""The bundle that the device's figures are measured with: MobileNetV2 with ImageNet's weights, int8, with an embedding.

Its whitening is fitted on every second photo of the named set; scenes are made of the others.
"""

from __future__ import annotations

from pathlib import Path

from edgevision.data.images import read_image
from edgevision.discovery.frames import open_frames
from edgevision.discovery.keras_backbone import without_head
from edgevision.discovery.second_output import with_embedding
from edgevision.packing.calibration_images import CalibrationImages
from edgevision.packing.draft import DraftPlan, make_draft
from edgevision.packing.source_model import Statement, open_source_model
from edgevision.runs import NewRun, write_run
from edgevision.training.architectures import ArchitectureOptions, build
from edgevision.training.weights import load_weights
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import make_spec

ARCHITECTURE, WEIGHTS = "mobilenet_v2", "mobilenet_v2-imagenet"
CALIBRATED_WITH = 400  # photos


def photos() -> tuple[list[Path], list[Path]]:
    """(those that the bundle is calibrated with, those that scenes are made of)."""
    paths = [item.path for item in open_frames("photos").items]
    return paths[::2], paths[1::2]


def device_bundle(folder: Path, size: int = 96) -> Bundle:
    """The bundle in `folder`, made when it is not there yet."""
    path = folder / f"{ARCHITECTURE}-{size}.evb"
    if path.exists():
        return Bundle.open(path)
    contract = Preprocess((Resize((size, size), "squash", "bilinear"), Color("rgb")))
    model = build(ARCHITECTURE, ArchitectureOptions((size, size, 3), 1000))
    load_weights(model, ARCHITECTURE, WEIGHTS)
    spec = make_spec("embed", (), contract, Postprocess("embed"))
    record = {"stage": "pretrained", "architecture": {"name": ARCHITECTURE}, "data": {"source": "photos"}}

    def save(run: Path) -> None:
        without_head(model, ARCHITECTURE).save(run / "model.keras")
        (run / "metrics.json").write_text("{}\n", encoding="utf-8")

    run = write_run(NewRun(folder / f"run-{size}", spec, record, force=True), save)
    tensors = [contract(read_image(path)) for path in photos()[0][:CALIBRATED_WITH]]
    images = CalibrationImages(tensors, "photos", "none", ())
    plan = DraftPlan(ARCHITECTURE, "1.0.0", ("tflite",), ("float32", "int8"), "int8", 1)
    with with_embedding(open_source_model(run.path, Statement()), run.path, tensors) as (source, embedding):
        bundle, _ = make_draft(path, source, plan, images, lambda label, done, total: None, embedding)
    return bundle
