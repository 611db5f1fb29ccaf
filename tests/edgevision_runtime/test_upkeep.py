import threading

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.models import ModelSlot, load_model
from edgevision_runtime.predictor import choose
from edgevision_runtime.swap import SwapSetup, smaller_choice
from edgevision_runtime.upkeep import Board, KeptModel, Upkeep
from tests.edgevision_runtime.fake_board import FakeBoard
from tests.edgevision_runtime.watched_bundle import Lights, shorter_network, variant


@pytest.fixture(scope="session")
def lights(colour_spec, colour_folder, tmp_path_factory):
    return Lights(colour_spec, colour_folder, tmp_path_factory.mktemp("lights"))


class Kept:
    """A run's models on a fake board, and what is told of them."""

    def __init__(self, folder, content, poll_s=0.01):
        self.path = folder / "lights.evb"
        self.path.write_bytes(content)
        self.board = FakeBoard(folder / "root")
        self.readings, self.events, self.swapped = [], [], []
        self.has_looked, self.has_swapped = threading.Event(), threading.Event()
        bundle = Bundle.open(self.path)
        self.slot = ModelSlot(load_model(bundle, choose(bundle)))
        setup = SwapSetup(Bundle.open, self._choose, load_model, poll_s=poll_s)
        has_smaller = smaller_choice(bundle, choose(bundle)) is not None
        self.upkeep = Upkeep(
            [KeptModel(self.path, self.slot, setup, has_smaller)],
            Board(folder=folder, root=self.board.root),
            show=self._show,
            tell=self.events.append,
            swapped=self._take,
        )

    @staticmethod
    def _choose(bundle, wants_smaller):
        usual = choose(bundle)
        return (smaller_choice(bundle, usual) if wants_smaller else None) or usual

    def _show(self, reading):
        self.readings.append(reading)
        self.has_looked.set()

    def _take(self, path, loaded):
        self.swapped.append((path, loaded.title, loaded.choice.variant.name))
        self.has_swapped.set()


def test_the_board_is_read_and_its_pace_told(lights, tmp_path):
    kept = Kept(tmp_path, lights())
    kept.board.zone(0, "cpu-thermal", 76000)

    with kept.slot, kept.upkeep:
        assert kept.has_looked.wait(30)

    assert (kept.readings[0].step, kept.readings[0].pace_factor) == ("slow", 2)
    assert kept.readings[0].disk_free_mb > 0


def test_a_bundle_is_exchanged_on_request(lights, tmp_path):
    kept = Kept(tmp_path, lights(), poll_s=3600)

    with kept.slot, kept.upkeep:
        kept.path.write_bytes(lights("2.0.0"))
        kept.upkeep.reload()
        assert kept.has_swapped.wait(30)

    assert kept.swapped == [(kept.path, "lights 2.0.0", "float32.onnx")]


def test_heat_brings_the_smaller_variant(lights, tmp_path):
    kept = Kept(tmp_path, lights(also=((variant("int8", "int8"), shorter_network()),)))
    kept.board.zone(0, "cpu-thermal", 80000)

    with kept.slot, kept.upkeep:
        for now_s in (1e9, 1e9 + 20):  # far from the thread's own looks
            kept.upkeep.health.look(now_s)
        assert kept.has_swapped.wait(30)

    assert kept.swapped[0] == (kept.path, "lights 1.0.0", "int8.onnx")


def test_a_bundle_without_a_smaller_variant_is_only_slowed(lights, tmp_path):
    kept = Kept(tmp_path, lights())
    kept.board.zone(0, "cpu-thermal", 80000)

    for now_s in (1e9, 1e9 + 20):
        kept.upkeep.health.look(now_s)

    assert (kept.upkeep.health.pace_factor, kept.upkeep.health.wants_smaller) == (4, False)
    kept.slot.__exit__()
