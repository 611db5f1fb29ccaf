"""tflite-runtime 2.13 and 2.14: for 32-bit Raspberry Pi OS and JetPack 5, which have no LiteRT."""

from __future__ import annotations

from functools import partial

from edgevision_runtime.engines.delegate import Delegate
from edgevision_runtime.engines.interpreter import Delegated, InterpreterEngine
from edgevision_runtime.errors import MissingDependency


class TFLiteEngine(InterpreterEngine):
    """A model on tflite-runtime with its default kernels (XNNPACK for float, built-in for int8) and a delegate."""

    name = "tflite"
    kernels = "default"

    def __init__(self, content: bytes, *, version: str, threads: int, delegate: Delegate | None = None) -> None:
        import numpy as np

        needs_old_numpy = MissingDependency(
            f"tflite-runtime {version} does not work with numpy {np.__version__}",
            hint='pip install "edgevision-runtime[tflite]" (numpy below 2)',
        )
        if int(np.__version__.split(".")[0]) >= 2:  # its import alone passes; building an Interpreter would not
            raise needs_old_numpy
        try:
            from tflite_runtime.interpreter import Interpreter, load_delegate
        except ImportError as error:
            raise MissingDependency(f"tflite-runtime {version} cannot be imported ({error})") from error
        super().__init__(
            partial(Interpreter, num_threads=threads),
            content,
            version,
            None if delegate is None else Delegated(delegate, load_delegate),
        )
