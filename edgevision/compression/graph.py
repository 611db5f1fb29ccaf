"""Walk a functional tf_keras network layer by layer and build another one from it; nested models come out flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edgevision.tensorflow_setup import keras, tf
from edgevision_runtime.errors import ModelError


@dataclass(frozen=True)
class Call:
    """One use of one layer: what it is called with in the network under construction."""

    layer: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]

    @property
    def input(self) -> Any:
        """The first argument: a tensor, or a list of them for a layer that merges."""
        return self.arguments[0]

    def repeat_with(self, layer: Any) -> Any:
        """Call another layer the same way."""
        return layer(*self.arguments, **self.keywords)


Make = Callable[[Call], Any]


def rebuild(model: Any, make: Make) -> Any:
    """A new functional model of the same inputs and outputs, each layer's call replaced by what `make` returns.

    Raises:
        ModelError: the model is no graph of layers, or a layer stands in it more than once.
    """
    check_is_graph(model)
    inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=_plain(tensor.name)) for tensor in model.inputs]
    outputs = _replay(model, inputs, make)
    return keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs, name=model.name)


def check_is_graph(model: Any) -> None:
    """Raise ModelError unless `model` is a functional or sequential network that uses each layer once."""
    if not getattr(model, "_is_graph_network", False):
        raise ModelError(
            f"model {model.name!r} ({type(model).__name__}) is not a graph of layers",
            expected="a functional or sequential Keras model",
            hint="rebuild a subclassed model with the functional API",
        )
    seen: set[int] = set()
    for layer in walk(model):
        if id(layer) in seen:
            raise ModelError(
                f"layer {layer.name!r} ({type(layer).__name__}) is used more than once",
                expected="each layer used once",
                hint="give each place a layer of its own",
            )
        seen.add(id(layer))


def walk(model: Any) -> Iterator[Any]:
    """The layers in the order they are called, those of nested models in their place, without input layers."""
    for node in _nodes(model):
        if isinstance(node.layer, keras.Model):
            yield from walk(node.layer)
        else:
            yield node.layer


def consumers(model: Any) -> dict[str, list[Any]]:
    """Layer name to the layers that read its output; the model's own output counts as a consumer `None`."""
    found: dict[str, list[Any]] = {}
    for node in _nodes(model):
        for tensor in node.keras_inputs:
            found.setdefault(tensor.node.layer.name, []).append(node.layer)
    for tensor in model.outputs:
        found.setdefault(tensor.node.layer.name, []).append(None)
    return found


def producers(model: Any) -> dict[str, list[Any]]:
    """Layer name to the layers whose outputs it reads."""
    return {node.layer.name: [tensor.node.layer for tensor in node.keras_inputs] for node in _nodes(model)}


def copy_of(layer: Any, **changes: Any) -> Any:
    """An unbuilt layer of the same configuration, with some of it changed."""
    return type(layer).from_config({**layer.get_config(), **changes})


def _replay(model: Any, inputs: list[Any], make: Make) -> list[Any]:
    """Call the model's layers on `inputs` in order; returns its output tensors."""
    tensors = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    for node in _nodes(model):
        arguments, keywords = tf.nest.map_structure(
            lambda value: tensors.get(id(value), value), (node.call_args, node.call_kwargs)
        )
        call = Call(node.layer, tuple(arguments), dict(keywords))
        if isinstance(node.layer, keras.Model):
            made: Any = _replay(node.layer, tf.nest.flatten(call.input), make)
        else:
            made = make(call)
        for old, new in zip(tf.nest.flatten(node.outputs), tf.nest.flatten(made), strict=True):
            tensors[id(old)] = new
    return [tensors[id(old)] for old in model.outputs]


def _nodes(model: Any) -> list[Any]:
    """The calls of the graph, producers first, without the inputs."""
    by_depth = model._nodes_by_depth
    ordered = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    return [node for node in ordered if not node.is_input]


def _plain(name: str) -> str:
    return name.split(":")[0].split("/")[0]
