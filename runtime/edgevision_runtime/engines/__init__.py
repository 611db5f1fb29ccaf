"""The engines: one file for each runtime library, one row here."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

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


PLAIN = "plain"  # kernels without XNNPACK, a graph without fusions: what another runtime or processor resembles

ENGINES: dict[str, EngineKind] = {
    "litert": EngineKind(
        "tflite", "edgevision_runtime.engines.litert", "LiteRTEngine", "ai_edge_litert", ("ai-edge-litert",), "litert"
    ),
    "tflite": EngineKind(
        "tflite", "edgevision_runtime.engines.tflite", "TFLiteEngine", "tflite_runtime", ("tflite-runtime",), "tflite"
    ),
    "onnx": EngineKind(
        "onnx",
        "edgevision_runtime.engines.onnx",
        "OnnxEngine",
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu"),
        "onnx",
    ),
}


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
    """The installed engines that run `tflite` or `onnx` files, in order of preference."""
    return [name for name, kind in ENGINES.items() if kind.format == model_format and installed_version(name)]


def require_engine(name: str) -> None:
    """Make sure that an engine somebody asked for exists and is here.

    Raises:
        UsageError: no such engine.
        MissingDependency: its library is not installed.
    """
    if name not in ENGINES:
        raise UsageError(f"engine {name!r}", expected=" | ".join(ENGINES), hint=did_you_mean(name, ENGINES))
    kind = ENGINES[name]
    if installed_version(name) is None:
        raise MissingDependency(f"engine {name} needs {' or '.join(kind.distributions)}", hint=pip_install(kind.extra))


def pip_install(extra: str) -> str:
    """The command that brings an extra of this package."""
    return f'pip install "edgevision-runtime[{extra}]"'


def how_to_run(formats: Iterable[str]) -> str:
    """The command that brings the best engine for files of these formats."""
    return pip_install(next(kind.extra for kind in ENGINES.values() if kind.format in set(formats)))


def open_engine(name: str, model: bytes | Path, *, threads: int = 1, kernels: str | None = None) -> Engine:
    """Load a model file on an engine; `kernels=PLAIN` runs it without XNNPACK or graph optimization.

    Raises:
        UsageError: no such engine.
        MissingDependency: its library is not installed.
        ModelError: the library refuses the file.
    """
    require_engine(name)
    kind, version = ENGINES[name], installed_version(name)
    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    engine_type = getattr(importlib.import_module(kind.module), kind.type)
    chosen = {} if kernels is None else {"kernels": kernels}
    engine: Engine = engine_type(content, version=version, threads=threads, **chosen)
    return engine
