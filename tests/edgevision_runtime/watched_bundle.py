"""A running model whose bundle is replaced under it, for tests; ONNX alone, which is fast to make."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgevision.data.dataset import open_dataset
from edgevision.packing.golden_vectors import golden_vectors
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleChanges, BundleContent, rewrite_bundle, write_bundle
from edgevision_runtime.messages import Event
from edgevision_runtime.models import LoadedModel, ModelSlot, load_model
from edgevision_runtime.predictor import choose
from edgevision_runtime.swap import BundleWatcher, SwapSetup, smaller_choice
from edgevision_runtime.types import ModelSpec, Variant
from tests.edgevision_runtime import networks

CREATED = "2026-01-01T00:00:00Z"


def variant(name, precision="float32"):
    return networks.variant(f"models/{name}.onnx", "onnx", "image", "probabilities")._replace(precision=precision)


class Lights:
    """Makes packed bundles: lights 1.0.0 and its successors."""

    def __init__(self, spec: ModelSpec, pictures: Path, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._samples = open_dataset(str(pictures)).samples

    def __call__(
        self,
        version: str = "1.0.0",
        labels: Sequence[str] = networks.LABELS,
        also: Sequence[tuple[Variant, bytes]] = (),
    ) -> bytes:
        """The bytes of one."""
        spec = replace(self._spec, labels=tuple(labels))
        models = ((variant("float32"), networks.strongest_colour_onnx()), *also)
        content = BundleContent("lights", version, CREATED, spec, models, {"onnx": "float32.onnx"})
        draft = write_bundle(self._folder / "draft.evb", content, force=True)
        golden = BundleChanges(extra=golden_vectors(draft, self._samples, 3))
        return rewrite_bundle(self._folder / "packed.evb", draft, golden, force=True).path.read_bytes()


class Watched:
    """A running model whose file can be replaced, and everything that is told of it."""

    def __init__(self, path, content=None, **setup):
        self.path = path
        if content is not None:
            self.replace(content)
        self.events: list[Event] = []
        self.wants_smaller = False
        self.slot = ModelSlot(load_model(Bundle.open(path), choose(Bundle.open(path)), workers=1))
        given = {
            "open": Bundle.open,
            "choose": lambda bundle, wants: (wants and smaller_choice(bundle, choose(bundle))) or choose(bundle),
            "load": load_model,
            "wants_smaller": lambda: self.wants_smaller,
        }
        self.swapped: list[LoadedModel] = []
        self.has_swapped = threading.Event()
        self.watcher = BundleWatcher(
            path, self.slot, SwapSetup(**{**given, **setup}), tell=self.events.append, swapped=self._take
        )

    def _take(self, loaded: LoadedModel) -> None:
        self.swapped.append(loaded)
        self.has_swapped.set()

    def replace(self, content):
        """At one stroke, as `mv` does."""
        beside = self.path.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(self.path)

    def look(self, times=2):
        for _ in range(times):
            self.watcher.look()

    @property
    def title(self):
        return self.slot.take(0).title

    @property
    def told(self):
        return [event.name for event in self.events if event.name != "checking"]


def shorter_network():
    """The same network, with less said around it: stands for a quantized one."""
    import onnx

    model = onnx.load_from_string(networks.strongest_colour_onnx())
    model.graph.name = "s"
    return bytes(model.SerializeToString())
