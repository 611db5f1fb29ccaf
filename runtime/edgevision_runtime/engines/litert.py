"""LiteRT (`ai-edge-litert`): the default engine for .tflite."""

from __future__ import annotations

from functools import partial

from edgevision_runtime.engines import PLAIN
from edgevision_runtime.engines.delegate import Delegate
from edgevision_runtime.engines.interpreter import Delegated, InterpreterEngine
from edgevision_runtime.errors import MissingDependency


class LiteRTEngine(InterpreterEngine):
    """A model on LiteRT with XNNPACK, or with its plain built-in kernels; what a delegate takes, it computes."""

    name = "litert"

    def __init__(
        self, content: bytes, *, version: str, threads: int, kernels: str = "XNNPACK", delegate: Delegate | None = None
    ) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType, load_delegate
        except ImportError as error:
            raise MissingDependency(
                f"ai-edge-litert {version} cannot be imported ({error})",
                hint="it needs glibc 2.34 and libstdc++ 3.4.30; on an older OS use tflite-runtime",
            ) from error
        self.kernels = kernels
        without_delegates = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        resolver = without_delegates if kernels == PLAIN else OpResolverType.AUTO
        super().__init__(
            partial(Interpreter, num_threads=threads, experimental_op_resolver_type=resolver),
            content,
            version,
            None if delegate is None else Delegated(delegate, load_delegate),
        )
