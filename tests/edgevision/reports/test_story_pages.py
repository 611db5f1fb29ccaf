"""The pages of compression and demo, from stories made by hand."""

from dataclasses import replace

import numpy as np

from edgevision.reports.compression_report import CompressionStory, LedgerRow, write_compression_report
from edgevision.reports.demo_report import DemoStory, write_demo_report
from edgevision.reports.html import KeyFigure, Step
from edgevision.reports.training_report import TrainingStory
from edgevision.reports.verify_report import VariantResult, VerifyStory, variants_table
from edgevision.training.metrics import classification_metrics

PRUNING = CompressionStory(
    name="lights-pruned",
    parent="lights",
    method="Magnitude pruning, 50 %",
    ledger=(LedgerRow("Latency", "4.11 ms", "4.09 ms", "no gain"), LedgerRow("Size", "81 kB", "81 kB", "no gain")),
    conclusion="Zeros do not make this model faster.",
    layer_sparsity={"conv": 0.5},
    target_sparsity=0.5,
    untouched=(("logits", "fewer than 100 weights"),),
    commands="edgevision quantize runs/lights-pruned -o runs/lights-q",
)
VERIFY = VerifyStory(
    bundle="lights.evb",
    metric="accuracy",
    images=100,
    variants=(
        VariantResult("float32.tflite", "litert", 250_000, 0.95, (0.89, 0.98), latency_ms=2.0, fps=480.0),
        VariantResult(
            "int8.tflite", "litert", 70_000, 0.94, (0.88, 0.97), -0.01, (-0.04, 0.02), 0.97, None, 0.8, "fail", 1180.0
        ),
    ),
    status="fail",
    conclusion="It loses too much.",
    max_drop=0.01,
    min_agreement=0.95,
)
TRAINING = TrainingStory(
    name="lights",
    task="classify",
    labels=("red", "green"),
    facts={},
    history={},
    metrics=classification_metrics(np.array([[5, 1], [0, 4]]), ("red", "green")),
)


def test_a_compression_that_gained_nothing_says_so(tmp_path):
    write_compression_report(tmp_path / "report.html", PRUNING)

    text = (tmp_path / "report.html").read_text()
    assert text.count("no gain") == 2
    assert "Zeros do not make this model faster." in text
    assert "fewer than 100 weights" in text


def test_the_demo_tells_the_whole_path_and_ends_with_the_users_own_commands(tmp_path):
    story = DemoStory(
        data="traffic-lights",
        steps=[Step("Learn", "95 %"), Step("Verify", "100 images", "fail")],
        training=TRAINING,
        verify=VERIFY,
        key_figures=[KeyFigure("Accuracy, int8", "94.0 %", status="fail")],
        commands="edgevision train photos/ -o runs/mine",
        compressions=[PRUNING],
        live_text="240 frames in 1 s.",
    )

    write_demo_report(tmp_path / "report.html", story)

    text = (tmp_path / "report.html").read_text()
    headings = ["The path", "Quality on the test split", "Magnitude pruning", "Every variant against float", "Live"]
    places = [text.index(f"<h2>{heading}") for heading in headings]
    assert places == sorted(places)
    assert text.index("edgevision train photos/ -o runs/mine") > places[-1]
    assert "−1.00 (−4.00 … +2.00)" in text
    assert "1,180" in text  # frames per second as measured, not 1000 / 0.8 ms


def test_frames_per_second_are_told_only_where_whole_frames_were_timed():
    timed = variants_table(VERIFY)
    inferences = variants_table(replace(VERIFY, variants=[replace(variant, fps=None) for variant in VERIFY.variants]))

    assert [*timed.headers[-3:]] == ["Frame", "fps", "Verdict"]
    assert [*inferences.headers[-2:]] == ["Inference", "Verdict"]
    assert "fps" not in inferences.headers
    assert {len(row) for row in inferences.rows} == {len(inferences.headers)}
