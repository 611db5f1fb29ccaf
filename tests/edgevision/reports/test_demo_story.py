"""The demo's page, from a folder as the demo writes it, made by hand around the network that names colours."""

import json
import shutil

import numpy as np
import pytest

from edgevision.demo import RECIPES, DemoResult, StepDone, VariantRow
from edgevision.fidelity.gate import VerifyPlan
from edgevision.fidelity.images import open_images
from edgevision.fidelity.present import verify_report
from edgevision.fidelity.verify import verify
from edgevision.reports.demo_report import write_demo_report
from edgevision.reports.demo_story import demo_story
from edgevision.reports.envelope import Stopwatch
from edgevision.runs import NewRun, write_run
from edgevision.training.metrics import classification_metrics

HISTORY = "epoch,loss,val_loss,metric,val_metric,learning_rate,seconds\n1,0.5,0.6,0.8,0.7,0.001,1.0\n"
SPLITS = "path,label,split,group\na.png,red,train,\nb.png,red,train,\nc.png,green,test,\n"
COMPRESSION = {
    "method": "Magnitude pruning",
    "metric": {"name": "accuracy", "split": "test", "before": 0.9, "after": 0.88},
    "size": {"float .tflite": {"before": {"plain_bytes": 1000, "gzip_bytes": 900},
                               "after": {"plain_bytes": 1000, "gzip_bytes": 540}}},
    "latency_ms": {"before": 2.0, "after": 2.0, "is_faster": False},
    "layer_sparsity": {"conv1": 0.5},
    "untouched": {},
    "conclusion": "No speed gain on this machine.",
}  # fmt: skip


@pytest.fixture
def demo_result(tmp_path, packed_bundle, colour_folder, colour_spec):
    folder = tmp_path / "demo"
    trained = {"splits": {"test": classification_metrics(np.diag([3, 4, 5]), colour_spec.labels)}}
    for name, stage, metrics in (
        ("learned", "trained", trained),
        ("pruned", "pruned", {**trained, "compression": COMPRESSION}),
        ("quantized", "quantized", {**trained, "compression": COMPRESSION}),
    ):
        write_a_run(folder / name, colour_spec, stage, metrics)
    images = open_images(str(colour_folder))
    found = verify(packed_bundle, images, VerifyPlan())
    verify_report(found, packed_bundle, images, Stopwatch()).write(folder / "verify.json")
    (folder / "stream").mkdir()
    for sample in images.samples:
        shutil.copyfile(sample.image, folder / "stream" / f"{sample.label}-{sample.image.name}")
    rows = [
        VariantRow(result.variant, result.precision, result.engine, 1000, result.metric.value, result.metric.ci95,
                   None if result.is_reference else 1.0, 0.5, 1234.0)
        for result in found.results
    ]  # fmt: skip
    steps = (StepDone("train", "edgevision train", 30.0), StepDone("verify", "edgevision verify", 2.0))
    result = DemoResult(
        folder, RECIPES["classify"], steps, tuple(rows), "inconclusive", 17, "accuracy", trained_metrics=trained
    )
    shutil.copyfile(packed_bundle.path, result.bundle)
    return result


def write_a_run(path, spec, stage, metrics):
    def save(folder):
        (folder / "model.keras").write_bytes(b"not read")
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "history.csv").write_text(HISTORY)
        (folder / "splits.csv").write_text(SPLITS)

    record = {"command": "edgevision train", "stage": stage, "parent": None, "seed": 0, "data": {"source": "colours"}}
    write_run(NewRun(path, spec, record), save)


def test_the_page_tells_every_step_every_variant_and_what_is_still_open(demo_result):
    story = demo_story(demo_result, ["edgevision train photos -o runs/mine"])
    write_demo_report(demo_result.folder / "report.html", story)

    text = (demo_result.folder / "report.html").read_text()
    assert [step.title for step in story.steps] == ["Train", "Verify"]
    assert all(row.name in text for row in demo_result.rows)
    assert "about 17 more images would settle it" in text
    assert text.count("No speed gain on this machine.") == 2  # of pruning and of quantization
    assert "1,234" in text  # frames per second, as the demo measured them
    assert "edgevision train photos -o runs/mine" in text


def test_the_classes_of_each_split_are_counted(demo_result):
    story = demo_story(demo_result, [])

    assert story.training.split_counts == {"train": {"red": 2}, "val": {}, "test": {"green": 1}}


def test_the_stream_is_shown_with_what_the_packed_model_says(demo_result, colour_spec):
    story = demo_story(demo_result, [])

    said = [picture.caption.split()[0] for picture in story.live_frames]
    assert len(said) == 8
    assert set(said) <= set(colour_spec.labels)
    assert said[:4] == ["blue"] * 4  # the first class by name, and so the first four files
