"""Rebuild a Keras 3 network as a tf_keras (Keras 2) one with the same weights, because pruning and QAT speak Keras 2.

The file is read by Keras 3 itself; then every layer is made anew, one by one, and both networks must give the same
outputs. Nothing is carried over that is not understood: an unknown layer or setting is named.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.compression.keras3_layers import Carrier
from edgevision.tensorflow_setup import keras, tf
from edgevision_runtime.errors import CheckFailed, ModelError

TOLERANCE = 1e-5  # of the largest output: both compute in float32 with the same kernels, in the same order
_READ_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OSError, ImportError, NotImplementedError)


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """The rebuilt network beside the one it was rebuilt from."""

    model: Any  # tf_keras, flat
    source: Any  # Keras 3
    dropped: tuple[str, ...]  # layers that do nothing outside training

    def largest_difference(self, batch: Any) -> float:
        """The largest |Keras 3 − tf_keras| over the outputs of a batch, as a share of the largest output."""
        shares = []
        expected = tf.nest.flatten(self.source(batch, training=False))
        for ours, theirs in zip(tf.nest.flatten(self.model(batch, training=False)), expected, strict=True):
            theirs = np.asarray(theirs)
            scale = max(float(np.abs(theirs).max()), 1e-9)
            shares.append(float(np.abs(np.asarray(ours) - theirs).max()) / scale)
        return max(shares)

    def check(self, batch: Any) -> float:
        """`largest_difference`, which must be within `TOLERANCE`.

        Raises:
            CheckFailed: the rebuilt network computes something else.
        """
        difference = self.largest_difference(batch)
        if not difference <= TOLERANCE:
            raise CheckFailed(
                f"the rebuilt {self.model.name!r} differs from the Keras 3 model by {difference:.2g} of its range",
                expected=f"at most {TOLERANCE:g}",
                hint="please report the model's layers",
            )
        return difference


def is_keras3(path: Path) -> bool:
    """Whether Keras 3 wrote a file, `.keras` or `.h5`."""
    import h5py  # type: ignore[import-untyped]

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            return str(file.attrs.get("keras_version", "")).startswith("3")
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        try:
            metadata = json.loads(archive.read("metadata.json"))
        except (KeyError, ValueError):
            return False
    return str(metadata.get("keras_version", "")).startswith("3")


def rebuild_keras3(path: Path) -> Rebuilt:
    """The tf_keras twin of a Keras 3 file; its outputs are checked on random inputs.

    Raises:
        ModelError: the file cannot be read, or a layer cannot be carried over; it is named.
        CheckFailed: the outputs differ.
    """
    rebuilt = carry_over(_read(path))
    generator = np.random.default_rng(0)
    for high in (1.0, 255.0):
        shape = (4, *(size or 64 for size in rebuilt.model.inputs[0].shape[1:]))
        rebuilt.check(generator.uniform(0.0, high, shape).astype(np.float32))
    return rebuilt


def carry_over(source: Any) -> Rebuilt:
    """The tf_keras twin of a Keras 3 model, layer by layer; nested models come out flat.

    Raises:
        ModelError: names the layer that cannot be carried over.
    """
    graph = _graph(source)
    if len(graph.inputs) != 1:
        raise ModelError(f"the model has {len(graph.inputs)} inputs", expected="one picture")
    image = keras.Input(graph.inputs[0].shape[1:], name=str(graph.inputs[0].name).replace("/", "_"))
    carrier = Carrier()
    outputs = _replay(graph, [image], carrier)
    model = keras.Model(image, outputs[0] if len(outputs) == 1 else outputs, name=str(source.name))
    carrier.copy_weights()
    return Rebuilt(model, source, tuple(carrier.dropped))


def _read(path: Path) -> Any:
    import keras as keras3

    try:
        return keras3.saving.load_model(path, compile=False)
    except _READ_ERRORS as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0][:200]
        raise ModelError(
            f"{path}: Keras 3 cannot load it ({first_line})",
            expected="a model of Keras's own layers",
            hint="replace custom and Lambda layers, or convert without shrinking: edgevision convert",
        ) from error


def _graph(model: Any) -> Any:
    """The functional model that a Sequential has inside."""
    graph = getattr(model, "_functional", None) or model
    if not hasattr(graph, "_nodes_by_depth"):
        raise ModelError(
            f"model {model.name!r} ({type(model).__name__}) is not a graph of layers",
            expected="a functional or Sequential model",
            hint="rebuild a subclassed model with the functional API",
        )
    return graph


def _replay(graph: Any, inputs: list[Any], carrier: Carrier) -> list[Any]:
    """Call the twins of the graph's operations in order; returns its output tensors."""
    tensors = {id(old): new for old, new in zip(graph.inputs, inputs, strict=True)}
    by_depth = graph._nodes_by_depth
    for node in (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]):
        operation = node.operation
        if node.is_input or type(operation).__name__ == "InputLayer":
            continue
        arguments = tf.nest.map_structure(lambda value: tensors.get(id(value), value), list(node.arguments.args))
        if hasattr(operation, "_nodes_by_depth") or hasattr(operation, "_functional"):
            made: Any = _replay(_graph(operation), tf.nest.flatten(arguments[0]), carrier)
        else:
            made = carrier.call(operation, arguments, dict(node.arguments.kwargs))
        for old, new in zip(tf.nest.flatten(list(node.outputs)), tf.nest.flatten(made), strict=True):
            tensors[id(old)] = new
    return [tensors[id(old)] for old in graph.outputs]
