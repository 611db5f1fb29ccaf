"""Clusters of the regions of known pictures, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.data.dataset import open_dataset
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.regions.judge_masks import region_pixels
from tests.edgevision.discovery.regions.scenes import CLASSES, write_scenes

PICTURES, CLUSTERS = 12, 12
FLAGS = ("--model", "hog", "--superpixels", "40", "-k", str(CLUSTERS))


def edgevision_does(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, list(map(str, arguments)))


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pictures with their true masks."""
    return write_scenes(tmp_path_factory.mktemp("scenes") / "site", PICTURES, with_masks=True)


@pytest.fixture(scope="session")
def region_clusters(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their regions in 12 clusters, by texture, colour and place."""
    path = tmp_path_factory.mktemp("clusters") / "regions"
    done = edgevision_does("cluster", "--segment", scenes, *FLAGS, "-o", path)
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture
def clusters(region_clusters: Path, tmp_path: Path) -> Path:
    """The same, for one test to name."""
    return Path(shutil.copytree(region_clusters, tmp_path / "clusters"))


@pytest.fixture
def named(clusters: Path, scenes: Path) -> NamedClusters:
    """Each cluster named after what most pixels of the regions on its screen are."""
    named = NamedClusters.open(clusters)
    pixels = region_pixels(named.regions(), open_dataset(scenes))
    for number, screen in named.screens.of(named.state).items():
        named.store.name([number], CLASSES[int(pixels[sorted(screen.judged)].sum(axis=0).argmax())])
    return named


def share_equal(first: np.ndarray, second: np.ndarray) -> float:
    return float((first == second).mean())
