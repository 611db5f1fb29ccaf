"""Execution providers of ONNX Runtime: which are here, what they are told, and whether they really compute.

ONNX Runtime goes on without a provider whose libraries are missing, and gives single operators to the CPU. Neither
happens here unseen: the one is an error, the other stands in what the engine calls its kernels.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from edgevision_runtime.errors import MissingDependency, ModelError, UsageError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
LIBRARIES = {  # of a provider, in the order in which they load
    CUDA: ("libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"),
    TENSORRT: ("libonnxruntime_providers_shared.so", "libonnxruntime_providers_tensorrt.so"),
}
HOW_TO_GET = "on a PC `pip install onnxruntime-gpu` in place of onnxruntime, on a Jetson NVIDIA's build for its JetPack"
RECORD = "session.record_ep_graph_assignment_info"
REFUSE_CPU = "session.disable_cpu_ep_fallback"
REFUSED_CPU = "fallback to CPU EP has been explicitly disabled"  # what a session says that did


def require_provider(provider: str, version: str) -> None:
    """Raise MissingDependency when the onnxruntime here was not built with a provider; says which it has."""
    onnxruntime = _onnxruntime(version)
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise MissingDependency(
            f"the onnxruntime {version} here has no {provider}, only {', '.join(available)}", hint=HOW_TO_GET
        )


def has_provider(provider: str, version: str) -> bool:
    """Whether the onnxruntime here was built with a provider."""
    return provider in _onnxruntime(version).get_available_providers()


def cache_folder(content: bytes, version: str, root: Path | None) -> Path:
    """Where TensorRT keeps what it built of this very model for this version; made when it is not there.

    One folder for each model, because TensorRT's own names come from the graph without its weights: a model that was
    trained further would find the old one's engine.

    Raises:
        UsageError: the folder cannot be made.
    """
    name = f"{hashlib.sha256(content).hexdigest()[:16]}-onnxruntime-{version}"
    try:
        folder = (root or Path.home() / ".cache" / "edgevision" / "tensorrt") / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        raise UsageError(f"the engine cache cannot be made: {error}", hint="state a place: --engine-cache") from error
    return folder


def session_providers(provider: str, cache: Path | None) -> list[Any]:
    """The providers of a session, best first, each with its options; the CPU only where it is what was asked for."""
    cuda = (CUDA, {"use_tf32": "0"})  # TF32 keeps 10 bits of a float's 23: the answers would not be those proven
    if provider == TENSORRT:
        place = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache), "trt_timing_cache_enable": "1"}
        return [(TENSORRT, place), cuda]
    return [cuda] if provider == CUDA else [provider]


def ask_who_computes(options: Any, session_type: Any) -> None:
    """Have a session remember which provider takes which operator; one that cannot must refuse the CPU altogether."""
    can_tell = hasattr(session_type, "get_provider_graph_assignment_info")
    options.add_session_config_entry(RECORD if can_tell else REFUSE_CPU, "1")


def who_computes(session: Any, provider: str) -> str:
    """What a session's kernels are called: the provider, with its share where that is not everything.

    Raises:
        MissingDependency: the provider was dropped, because a library or its hardware is missing.
        ModelError: it computes nothing of this model.
    """
    if provider not in session.get_providers():
        raise not_started(provider)
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return provider  # the session was built to refuse the CPU
    counts = Counter[str]()
    for part in session.get_provider_graph_assignment_info():
        counts[part.ep_name] += len(part.get_nodes())
    total = sum(counts.values())
    if not counts[provider]:
        raise ModelError(
            f"{provider} computes none of the model's {total} operators: {_told(counts, total)}",
            hint="--engine onnx runs it on the CPU",
        )
    return provider if counts[provider] == total else _told(counts, total)


def not_started(provider: str, error: Exception | None = None) -> MissingDependency:
    """The error for a provider that is in this onnxruntime and does not start."""
    said = str(error).splitlines()[0] if error else "its libraries are there, so its hardware or driver is not"
    return MissingDependency(
        f"{provider} does not start: {_missing_library(provider) or said}",
        hint="install what docs/engines.md says, or run on the CPU with --engine onnx",
    )


def left_to_the_cpu(provider: str) -> MissingDependency | ModelError:
    """The error for a session that refused to put operators on the CPU: all of them when the provider was dropped."""
    if _missing_library(provider):
        return not_started(provider)
    return ModelError(
        f"{provider} leaves operators of the model to the CPU",
        hint="a newer onnxruntime says how many and goes on; --engine onnx runs all of them on the CPU",
    )


def _told(counts: Counter[str], total: int) -> str:
    return ", ".join(f"{name} {count} of {total} operators" for name, count in counts.most_common() if count)


def _missing_library(provider: str) -> str:
    """Why the provider's own library does not load, if so: ONNX Runtime writes the reason to its log only."""
    import ctypes

    import onnxruntime

    folder = Path(onnxruntime.__file__).parent / "capi"
    try:
        for name in LIBRARIES.get(provider, ()):
            ctypes.CDLL(str(folder / name), ctypes.RTLD_GLOBAL)  # the second builds on the first
    except OSError as missing:
        return str(missing)
    return ""


def _onnxruntime(version: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(f"onnxruntime {version} cannot be imported ({error})") from error
    return onnxruntime
