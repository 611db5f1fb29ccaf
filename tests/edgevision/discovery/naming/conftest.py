"""Clusters folders of digits, made once, and the page to name one."""

from __future__ import annotations

import dataclasses
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.clustering.folder import NewClusterFolder, write_clusters
from edgevision.discovery.clustering.kmeans import group
from edgevision.discovery.clustering.statistics import describe
from edgevision.discovery.embeddings import embed
from edgevision.discovery.frames import open_frames
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.server import PageServer
from tests.edgevision.discovery.pages import served


def make_clusters(path: Path, source: str, model: str, k: int) -> Path:
    """A clusters folder of the pictures of `source`."""
    embeddings = dataclasses.replace(embed(open_frames(source), open_backbone(model)), model=model)
    grouping = group(embeddings.vectors, k, seed=0)
    statistics = describe(embeddings.vectors, grouping)
    write_clusters(NewClusterFolder(path, embeddings, grouping, statistics, {"k": k, "seed": 0}))
    return path


@pytest.fixture(scope="session")
def digits_clusters(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 digits in 12 clusters by their pixels."""
    return make_clusters(tmp_path_factory.mktemp("clusters") / "digits", str(digits_folder), "pixels", 12)


@pytest.fixture
def clusters(digits_clusters: Path, tmp_path: Path) -> Path:
    """The same, for one test to name."""
    return Path(shutil.copytree(digits_clusters, tmp_path / "clusters"))


@pytest.fixture
def named(clusters: Path) -> NamedClusters:
    """The names in that folder, none yet."""
    return NamedClusters.open(clusters)


@pytest.fixture
def server(named: NamedClusters) -> Iterator[PageServer]:
    """Their page."""
    with served(named, "digits") as server:
        yield server


def name_as_a_person_would(named: NamedClusters) -> None:
    """Each cluster after what most of the pictures on its screen are; the truth is the folder that they lie in."""
    names = named.folder.embeddings.names
    for number, screen in named.screens.of(named.state).items():
        seen = Counter(names[one].partition("/")[0] for one in sorted(screen.judged))
        named.store.name([number], seen.most_common(1)[0][0])
