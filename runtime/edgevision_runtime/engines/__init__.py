"""The engines: one file for each runtime library, one row here."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

from edgevision_runtime.engines.delegate import Delegate
from edgevision_runtime.errors import MissingDependency, UsageError, did_you_mean
from edgevision_runtime.types import Engine


class EngineKind(NamedTuple):
    """Which model files an engine runs, who implements it, and which distributions bring the library."""

    format: str  # tflite | onnx
    module: str
    type: str
    library: str  # what is imported
    distributions: tuple[str, ...]  # any one of them
    extra: str  # pip extra of edgevision-runtime
    provider: str = ""  # of an accelerator: used when it is asked for, never because it is there


PLAIN = "plain"  # kernels without XNNPACK, a graph without fusions: what another runtime or processor resembles

ONNXRUNTIME = ("onnxruntime", "onnxruntime-gpu")

ENGINES: dict[str, EngineKind] = {
    "litert": EngineKind(
        "tflite", "edgevision_runtime.engines.litert", "LiteRTEngine", "ai_edge_litert", ("ai-edge-litert",), "litert"
    ),
    "tflite": EngineKind(
        "tflite", "edgevision_runtime.engines.tflite", "TFLiteEngine", "tflite_runtime", ("tflite-runtime",), "tflite"
    ),
    "onnx": EngineKind("onnx", "edgevision_runtime.engines.onnx", "OnnxEngine", "onnxruntime", ONNXRUNTIME, "onnx"),
    "onnx-cuda": EngineKind(
        "onnx",
        "edgevision_runtime.engines.onnx",
        "OnnxCudaEngine",
        "onnxruntime",
        ONNXRUNTIME,
        "onnx",
        "CUDAExecutionProvider",
    ),
    "onnx-tensorrt": EngineKind(
        "onnx",
        "edgevision_runtime.engines.onnx",
        "OnnxTensorRTEngine",
        "onnxruntime",
        ONNXRUNTIME,
        "onnx",
        "TensorrtExecutionProvider",
    ),
}
CPU_ENGINES = tuple(name for name, kind in ENGINES.items() if not kind.provider)
HAS_CACHE = "onnx-tensorrt"
TAKE_DELEGATES = tuple(name for name, kind in ENGINES.items() if kind.format == "tflite")


def installed_version(name: str) -> str | None:
    """The version of an engine's library, or None when it is not installed."""
    kind = ENGINES[name]
    found = importlib.util.find_spec(kind.library)
    if found is None:
        return None
    return _version_beside(found, kind.distributions) or _version_recorded(kind.distributions)


def _version_beside(found: ModuleSpec, distributions: tuple[str, ...]) -> str | None:
    """The version in the name of the wheel's folder beside the library: `importlib.metadata` takes 8 ms to import."""
    for folder in found.submodule_search_locations or ():
        for distribution in distributions:
            prefix = distribution.replace("-", "_") + "-"
            for path in Path(folder).parent.glob(f"{prefix}*.dist-info"):
                return path.name[len(prefix) : -len(".dist-info")]
    return None


def _version_recorded(distributions: tuple[str, ...]) -> str | None:
    from importlib import metadata

    for distribution in distributions:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def engines_for(model_format: str) -> list[str]:
    """The installed engines that run `tflite` or `onnx` files on the CPU, in order of preference."""
    return [name for name in CPU_ENGINES if ENGINES[name].format == model_format and installed_version(name)]


def is_here(name: str) -> bool:
    """Whether an engine's library is installed, and was built with the provider that the engine is for."""
    kind, version = ENGINES[name], installed_version(name)
    if version is None or not kind.provider:
        return version is not None
    from edgevision_runtime.engines.providers import has_provider

    return has_provider(kind.provider, version)


def require_engine(name: str) -> None:
    """Make sure that an engine somebody asked for exists and is here.

    Raises:
        UsageError: no such engine.
        MissingDependency: its library is not installed, or has not the provider that the engine is for.
    """
    if name not in ENGINES:
        raise UsageError(f"engine {name!r}", expected=" | ".join(ENGINES), hint=did_you_mean(name, ENGINES))
    kind, version = ENGINES[name], installed_version(name)
    if version is None:
        raise MissingDependency(f"engine {name} needs {' or '.join(kind.distributions)}", hint=pip_install(kind.extra))
    if kind.provider:
        from edgevision_runtime.engines.providers import require_provider

        require_provider(kind.provider, version)


def pip_install(extra: str) -> str:
    """The command that brings an extra of this package."""
    return f'pip install "edgevision-runtime[{extra}]"'


def how_to_run(formats: Iterable[str]) -> str:
    """The command that brings the best engine for files of these formats."""
    return pip_install(next(kind.extra for kind in ENGINES.values() if kind.format in set(formats)))


class Extras(NamedTuple):
    """What single engines take beyond the model: a delegate, a place for what TensorRT builds."""

    delegate: Delegate | None = None  # litert, tflite
    engine_cache: Path | None = None  # onnx-tensorrt; None: ~/.cache/edgevision/tensorrt


def open_engine(
    name: str, model: bytes | Path, *, threads: int = 1, kernels: str | None = None, extras: Extras | None = None
) -> Engine:
    """Load a model file on an engine; `kernels=PLAIN` runs it without XNNPACK or graph optimization.

    Raises:
        UsageError: no such engine, or it does not take what `extras` state.
        MissingDependency: its library, its provider or a delegate is not installed or does not start.
        ModelError: the library, the provider or the delegate refuses the file.
    """
    require_engine(name)
    kind, version, extras = ENGINES[name], installed_version(name), extras or Extras()
    check_extras(name, extras)
    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    engine_type = getattr(importlib.import_module(kind.module), kind.type)
    wishes = {"kernels": kernels, "delegate": extras.delegate, "cache": extras.engine_cache}
    wished = {key: value for key, value in wishes.items() if value is not None}
    engine: Engine = engine_type(content, version=version, threads=threads, **wished)
    return engine


def what_it_lacks(name: str, extras: Extras) -> str:
    """`takes no delegate`, say, when an engine does not take what is stated for it; else nothing."""
    if extras.delegate is not None and name not in TAKE_DELEGATES:
        return "takes no delegate"
    return "has no engine cache" if extras.engine_cache is not None and name != HAS_CACHE else ""


def check_extras(name: str, extras: Extras) -> None:
    """Raise UsageError when an engine does not take what is stated for it."""
    lacks = what_it_lacks(name, extras)
    if lacks:
        expected = " | ".join(TAKE_DELEGATES) if extras.delegate is not None else HAS_CACHE
        raise UsageError(f"engine {name} {lacks}", expected=expected)
