"""ONNX Runtime computes where it was asked to, or says why not; it would go on with the CPU by itself.

No machine of ours has an NVIDIA GPU: what is tested is every way in which a provider can be missing. The Azure
provider, which onnxruntime's own wheel lists and which takes no operator, stands for one that leaves all to the CPU.
"""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest

from edgevision_runtime.engines import ENGINES, Extras, engines_for, installed_version, is_here, open_engine
from edgevision_runtime.engines.onnx import OnnxEngine
from edgevision_runtime.engines.providers import CUDA, TENSORRT, cache_folder, session_providers
from edgevision_runtime.errors import MissingDependency, ModelError, UsageError
from tests.edgevision_runtime import networks

ACCELERATED = [name for name, kind in ENGINES.items() if kind.provider]
IDLE = "AzureExecutionProvider"


class IdleEngine(OnnxEngine):
    """Asks for a provider that is there and takes nothing."""

    name = "onnx-idle"
    provider = IDLE


def kernels_or_obstacle(name: str, extras: Extras) -> str:
    try:
        with open_engine(name, networks.strongest_colour_onnx(), extras=extras) as engine:
            return engine.kernels
    except MissingDependency as error:
        return str(error)


def has(provider: str) -> bool:
    return provider in onnxruntime.get_available_providers()


@pytest.mark.parametrize("name", ACCELERATED)
def test_a_provider_that_is_not_built_in_is_an_error_that_says_which_are(name: str) -> None:
    if has(ENGINES[name].provider):
        pytest.skip("this onnxruntime has it")

    with pytest.raises(MissingDependency, match=f"no {ENGINES[name].provider}, only .*CPUExecution.*onnxruntime-gpu"):
        open_engine(name, networks.strongest_colour_onnx())
    assert not is_here(name)
    assert installed_version(name) == onnxruntime.__version__


@pytest.mark.parametrize("name", ACCELERATED)
def test_a_provider_that_is_built_in_computes_or_says_what_it_lacks(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    provider = ENGINES[name].provider
    if not has(provider):
        pytest.skip("this onnxruntime does not have it")
    told = kernels_or_obstacle(name, Extras(engine_cache=tmp_path if provider == TENSORRT else None))

    assert told.startswith((provider, f"{provider} does not start: lib"))
    assert capfd.readouterr() == ("", "")  # onnxruntime would tell its fallback on stdout


@pytest.mark.skipif(not has(IDLE), reason="this onnxruntime does not list it")
def test_a_provider_that_leaves_everything_to_the_cpu_is_refused() -> None:
    with pytest.raises(
        ModelError, match=f"{IDLE} computes none of the model's 3 operators: CPU.* 3 of 3 .*--engine onnx"
    ):
        IdleEngine(networks.strongest_colour_onnx(), version="1", threads=1)


@pytest.mark.skipif(not has(IDLE), reason="this onnxruntime does not list it")
def test_an_onnxruntime_that_cannot_tell_who_computes_refuses_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    session = onnxruntime.InferenceSession
    owner = next((base for base in session.__mro__ if "get_provider_graph_assignment_info" in vars(base)), None)
    if owner is not None:  # as in the versions for JetPack 5 and 6
        monkeypatch.delattr(owner, "get_provider_graph_assignment_info")

    with pytest.raises(ModelError, match=f"{IDLE} leaves operators of the model to the CPU"):
        IdleEngine(networks.strongest_colour_onnx(), version="1", threads=1)


def test_an_accelerator_is_used_when_asked_for_never_because_it_is_there() -> None:
    assert not set(engines_for("onnx")) & set(ACCELERATED)


def test_what_tensorrt_built_of_another_model_or_version_is_never_found(tmp_path: Path) -> None:
    folders = {cache_folder(model, version, tmp_path) for model in (b"one", b"other") for version in ("1.23", "1.24")}

    assert len(folders) == 4
    assert all(folder.is_dir() and folder.stat().st_mode & 0o077 == 0 for folder in folders)
    assert cache_folder(b"one", "1.23", tmp_path) in folders


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UsageError, match=r"cannot be made.*--engine-cache"):
        cache_folder(b"one", "1.23", tmp_path / "file")


def test_only_tensorrt_has_an_engine_cache(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="engine onnx has no engine cache; expected onnx-tensorrt"):
        open_engine("onnx", networks.strongest_colour_onnx(), extras=Extras(engine_cache=tmp_path))


def test_no_accelerated_session_lists_the_cpu(tmp_path: Path) -> None:
    assert [name for name, _ in session_providers(CUDA, None)] == [CUDA]
    assert [name for name, _ in session_providers(TENSORRT, tmp_path)] == [TENSORRT, CUDA]
    assert session_providers(TENSORRT, tmp_path)[0][1]["trt_engine_cache_path"] == str(tmp_path)
