"""The names a quantization-aware model needs while Keras reads it."""

from __future__ import annotations

import zipfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path


def quantization_scope() -> AbstractContextManager[None]:
    """A model that `quantize` wrote is read inside this, by `keras.models.load_model(path)`."""
    from edgevision_converters import fake_quantization

    return fake_quantization.quantization_scope()


def scope_for(path: Path) -> AbstractContextManager[None]:
    """`quantization_scope()` when the `.keras` file needs it; else nothing, and nothing is imported."""
    if not zipfile.is_zipfile(path):
        return nullcontext()
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json") if "config.json" in archive.namelist() else b""
    return quantization_scope() if b'"QuantizedLayer"' in config else nullcontext()
