"""A release is only what was proven: evidence of this very bundle, a verdict that is not fail, held-out frames."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from edgevision.data.dataset import open_dataset
from edgevision.data.splits import read_splits
from edgevision.demo import DemoResult
from edgevision.packing.golden_vectors import choose_frames
from edgevision.packing.pack import PackPlan, pack
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.errors import CheckFailed, DataError, Inconclusive, UsageError
from edgevision_runtime.predictor import Predictor, choose
from edgevision_runtime.report import Report, Stopwatch
from edgevision_runtime.types import Frame
from tests.edgevision_runtime import networks


@pytest.fixture
def draft(walked: DemoResult) -> Bundle:
    return Bundle.open(walked.folder / "draft.evb")


@pytest.fixture
def held_out(walked: DemoResult) -> tuple:
    dataset = read_splits(walked.folder / "learned" / "splits.csv", open_dataset(walked.recipe.data))
    return dataset.of_split("test")


def changed_report(walked: DemoResult, folder: Path, **changes: object) -> Path:
    document = json.loads((walked.folder / "verify.json").read_text())
    document.update(changes)
    path = folder / "changed.json"
    path.write_text(json.dumps(document))
    return path


def test_a_draft_without_a_verification_is_not_packed(draft: Bundle, held_out: tuple, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="edgevision verify"):
        pack(tmp_path / "out.evb", draft, held_out, PackPlan())

    assert not (tmp_path / "out.evb").exists()


def test_a_failed_verification_is_not_packed(
    walked: DemoResult, draft: Bundle, held_out: tuple, tmp_path: Path
) -> None:
    report = changed_report(walked, tmp_path, status="fail")

    with pytest.raises(CheckFailed, match="do not ship"):
        pack(tmp_path / "out.evb", draft, held_out, PackPlan(reports=(report,), allows_inconclusive=True))


def test_an_inconclusive_verification_must_be_allowed(
    walked: DemoResult, draft: Bundle, held_out: tuple, tmp_path: Path
) -> None:
    report = changed_report(walked, tmp_path, status="inconclusive")

    with pytest.raises(Inconclusive, match="--allow-inconclusive"):
        pack(tmp_path / "out.evb", draft, held_out, PackPlan(reports=(report,)))


def test_the_evidence_of_another_bundle_is_refused(
    walked: DemoResult, draft: Bundle, held_out: tuple, tmp_path: Path
) -> None:
    report = changed_report(walked, tmp_path, inputs={"bundle": {"path": "other.evb", "sha256": "0" * 64}})

    with pytest.raises(UsageError, match="about another bundle"):
        pack(tmp_path / "out.evb", draft, held_out, PackPlan(reports=(report,)))


def test_a_variant_that_was_not_verified_is_not_packed(
    walked: DemoResult, draft: Bundle, held_out: tuple, tmp_path: Path
) -> None:
    metrics = json.loads((walked.folder / "verify.json").read_text())["metrics"]
    metrics["results"] = [row for row in metrics["results"] if row["variant"] != "int8.tflite"]
    report = changed_report(walked, tmp_path, status="pass", metrics=metrics)

    with pytest.raises(UsageError, match=r"says nothing of int8\.tflite; verify on every engine"):
        pack(tmp_path / "out.evb", draft, held_out, PackPlan(reports=(report,)))


def test_too_few_held_out_images_are_refused(
    walked: DemoResult, draft: Bundle, held_out: tuple, tmp_path: Path
) -> None:
    plan = PackPlan(reports=(walked.folder / "verify.json",), allows_inconclusive=True)

    with pytest.raises(DataError, match="at least 3"):
        pack(tmp_path / "out.evb", draft, held_out[:2], plan)


def test_what_is_there_and_what_it_is_called_are_looked_at_before_any_work(draft: Bundle, tmp_path: Path) -> None:
    (tmp_path / "out.evb").write_bytes(b"mine")

    with pytest.raises(UsageError, match="exists already"):
        pack(tmp_path / "out.evb", draft, [], PackPlan())
    with pytest.raises(UsageError, match=r"version '1\.0'; expected a semantic version"):
        PackPlan(version="1.0")
    with pytest.raises(UsageError, match="name 'My Model'"):
        PackPlan(name="My Model")


def test_a_release_that_fails_its_selftest_never_gets_its_name(
    colour_content: BundleContent, colour_folder: Path, tmp_path: Path
) -> None:
    broken = dataclasses.replace(
        colour_content,
        models=((networks.variant("models/float32.onnx", "onnx", "image", "probabilities"), network_of_no_numbers()),),
        default_variants={"onnx": "float32.onnx"},
    )
    draft = write_bundle(tmp_path / "draft.evb", broken)
    watch = Stopwatch()
    inputs = {"bundle": {"path": "draft.evb", "sha256": draft.sha256}}
    metrics = {"results": [{"variant": "float32.onnx"}]}
    Report("verify", "pass", watch.started, 1.0, inputs=inputs, metrics=metrics).write(tmp_path / "verify.json")
    (tmp_path / "release.evb").write_bytes(b"the release before")

    with pytest.raises(CheckFailed, match="own selftest"):
        pack(
            tmp_path / "release.evb",
            draft,
            open_dataset(str(colour_folder)).samples,
            PackPlan(reports=(tmp_path / "verify.json",), force=True),
        )

    assert (tmp_path / "release.evb").read_bytes() == b"the release before"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["draft.evb", "release.evb", "verify.json"]


def network_of_no_numbers() -> bytes:
    """A network whose answer is no number, and so never the one that was recorded."""
    shape = [1, networks.HEIGHT, networks.WIDTH, 3]
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Sub", ["means", "means"], ["nothing"]),
        helper.make_node("Div", ["nothing", "nothing"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "no_numbers",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def test_the_same_draft_and_images_give_the_same_release(
    walked: DemoResult, draft: Bundle, held_out: tuple, tmp_path: Path
) -> None:
    plan = PackPlan(version="1.0.0", reports=(walked.folder / "verify.json",), allows_inconclusive=True)

    first, _ = pack(tmp_path / "first.evb", draft, held_out, plan)
    second, _ = pack(tmp_path / "second.evb", draft, held_out, plan)

    assert first.sha256 == second.sha256


def test_golden_frames_show_every_class_where_the_model_is_least_sure(draft: Bundle, held_out: tuple) -> None:
    with Predictor(draft, choose(draft, variant="float32.onnx")) as predictor:
        sure = {
            sample.image: predictor.predict(Frame(sample.read_image(), 0, 0.0, "")).score  # type: ignore[union-attr]
            for sample in held_out
        }

    chosen = choose_frames(draft, held_out, 6)

    assert sorted(sample.label for sample in chosen) == [0, 0, 1, 1, 2, 2]
    assert {sample.split for sample in chosen} == {"test"}
    for label in range(3):
        best = sorted(sure[sample.image] for sample in held_out if sample.label == label)[:2]
        assert sorted(sure[s.image] for s in chosen if s.label == label) == pytest.approx(best, abs=1e-4)  # engines


def test_a_release_is_not_packed_twice(walked: DemoResult, held_out: tuple, tmp_path: Path) -> None:
    released = Bundle.open(walked.bundle)
    report = changed_report(walked, tmp_path, inputs={"bundle": {"path": "x", "sha256": released.sha256}})
    plan = PackPlan(reports=(report,), allows_inconclusive=True)

    with pytest.raises(UsageError, match="holds golden vectors already"):
        pack(tmp_path / "out.evb", released, held_out, plan)
