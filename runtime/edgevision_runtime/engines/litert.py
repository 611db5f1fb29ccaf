"""LiteRT (`ai-edge-litert`): the default engine for .tflite."""

from __future__ import annotations

from edgevision_runtime.engines import PLAIN
from edgevision_runtime.engines.interpreter import InterpreterEngine
from edgevision_runtime.errors import MissingDependency


class LiteRTEngine(InterpreterEngine):
    """A model on LiteRT with XNNPACK, or with its plain built-in kernels."""

    name = "litert"

    def __init__(self, content: bytes, *, version: str, threads: int, kernels: str = "XNNPACK") -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        except ImportError as error:
            raise MissingDependency(
                f"ai-edge-litert {version} cannot be imported ({error})",
                hint="it needs glibc 2.34 and libstdc++ 3.4.30; on an older OS use tflite-runtime",
            ) from error
        self.kernels = kernels
        without_delegates = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        resolver = without_delegates if kernels == PLAIN else OpResolverType.AUTO
        super().__init__(
            lambda model: Interpreter(model_content=model, num_threads=threads, experimental_op_resolver_type=resolver),
            content,
            version,
        )
