"""A TensorFlow SavedModel folder, through its `serving_default` signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgevision_converters.sources.traced import TracedSource
from edgevision_converters.tensorflow_setup import tf
from edgevision_runtime.errors import ModelError

SIGNATURE = "serving_default"


class SavedModelSource(TracedSource):
    """A SavedModel with one image input."""

    def __init__(self, path: Path) -> None:
        try:
            self._loaded = tf.saved_model.load(str(path))  # kept: its variables live as long as it does
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"{path}: the SavedModel cannot be read ({reason})", expected="a whole SavedModel"
            ) from error
        signatures = self._loaded.signatures
        if SIGNATURE not in signatures:
            raise ModelError(f"{path}: signatures {sorted(signatures)}", expected=f"one named {SIGNATURE}")
        function = signatures[SIGNATURE]
        inputs = function.structured_input_signature[1]
        if len(inputs) != 1:
            raise ModelError(f"{path}: the signature takes {len(inputs)} inputs", expected="one image input")
        ((name, spec),) = inputs.items()
        if spec.dtype != tf.float32 or spec.shape.rank is None:
            shape = "any shape" if spec.shape.rank is None else str(tuple(spec.shape.as_list()))
            raise ModelError(
                f"{path}: the signature takes {spec.dtype.name} of {shape}",
                expected="float32 of a known number of axes",
                hint="export it with such an input signature",
            )
        outputs = sorted(function.structured_outputs)

        def call(image: Any) -> list[Any]:
            results = function(**{name: image})
            return [results[output] for output in outputs]

        super().__init__("SavedModel", call, tuple(spec.shape.as_list()), outputs)
