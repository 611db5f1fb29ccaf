"""Read the model of a run directory."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from edgevision.compression.scope import scope_for
from edgevision.runs import RunDirectory
from edgevision.tensorflow_setup import keras
from edgevision_runtime.errors import ModelError


def load_model(run: RunDirectory | Path) -> Any:
    """The tf_keras model of a run directory, or of a `.keras` file; not compiled.

    Raises:
        ModelError: it cannot be read.
    """
    path = run.model_path if isinstance(run, RunDirectory) else run
    if path.is_dir():
        path = RunDirectory.open(path).model_path
    try:
        with scope_for(path):
            return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: {first_line}", expected="a tf_keras model") from error
