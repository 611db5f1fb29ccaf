"""LiteRT (`ai-edge-litert`): the default engine for .tflite."""

from __future__ import annotations

from edgevision_runtime.engines.interpreter import InterpreterEngine
from edgevision_runtime.errors import MissingDependency


class LiteRTEngine(InterpreterEngine):
    """A model on LiteRT with its default kernels (XNNPACK)."""

    name = "litert"
    kernels = "XNNPACK"

    def __init__(self, content: bytes, *, version: str, threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingDependency(
                f"ai-edge-litert {version} cannot be imported ({error})",
                hint="it needs glibc 2.34 and libstdc++ 3.4.30; on an older OS use tflite-runtime",
            ) from error
        super().__init__(Interpreter, content, version, threads)
