"""The clusters folder: who belongs where, what is typical, and blank names for a person to fill in.

clusters.json    schema, method, k, seed, space, source, and each cluster with its size, purity, medoid, exemplars …
assignments.csv  name,cluster,distance,margin,role: a row for each picture
names.csv        cluster,size,name: a row for each cluster, the name blank
embeddings.npz   the vectors, with their space
centroids.npz    centroids (k, d), in that space
report.html      all of it to look at
scan/            the network after SCAN, as a run directory, where that was asked for
scenes.csv       of videos
regions.zip      of regions, which superpixel each pixel of each picture is in; names are then those of superpixels
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.csv_file import write_csv
from edgevision.discovery.clustering.kmeans import Grouping
from edgevision.discovery.clustering.statistics import ROLES, ClusterFacts, Statistics
from edgevision.discovery.embeddings import Embeddings
from edgevision.discovery.frames import FrameSet, named_frames
from edgevision.discovery.regions.region_maps import REGION_MAPS, RegionMaps
from edgevision_runtime.atomic import atomic_folder, check_place, refuse_to_overwrite
from edgevision_runtime.errors import DataError, UsageError

if TYPE_CHECKING:
    from edgevision.discovery.regions.region_set import RegionSet

SCHEMA = "edgevision.clusters/1"
RECORD, ASSIGNMENTS, NAMES, EMBEDDINGS, CENTROIDS, REPORT = (
    "clusters.json", "assignments.csv", "names.csv", "embeddings.npz", "centroids.npz", "report.html",
)  # fmt: skip
SCAN_RUN = "scan"  # the run directory of the network that SCAN refined
EXPECTED = "what `edgevision cluster` wrote"


@dataclass(frozen=True, eq=False)
class ClusterFolder:
    """Pictures in clusters, in the order of `embeddings.names`; cluster 0 is the largest."""

    path: Path
    record: dict[str, Any]  # clusters.json
    embeddings: Embeddings
    grouping: Grouping
    statistics: Statistics

    @classmethod
    def open(cls, path: Path) -> ClusterFolder:
        """Read what `write_clusters` wrote.

        Raises:
            DataError: it is not that, or not whole.
        """
        record = _read_record(path)
        embeddings = Embeddings.load(path / EMBEDDINGS)
        try:
            statistics, assignment = _read_statistics(path, record, embeddings.names)
            with np.load(path / CENTROIDS, allow_pickle=False) as archive:
                centroids = archive["centroids"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} cannot be read: {error}", expected=EXPECTED) from error
        if len(centroids) != len(statistics.clusters) or assignment.max() >= len(centroids):
            raise DataError(f"{path}: {len(centroids)} centroids for {len(statistics.clusters)} clusters")
        return cls(path, record, embeddings, Grouping(assignment, centroids, str(record["method"])), statistics)

    @property
    def model(self) -> str:
        """What `open_backbone` takes to look at more pictures in the same way; empty: nobody noted it."""
        return str(self.path / SCAN_RUN) if (self.path / SCAN_RUN).is_dir() else self.embeddings.model

    @property
    def has_regions(self) -> bool:
        """Whether superpixels were clustered, not whole pictures."""
        return "segment" in self.record

    def frames(self) -> FrameSet:
        """The pictures or superpixels, in the order of the embeddings.

        Raises:
            DataError: the superpixels cannot be read.
        """
        if self.has_regions:
            return self.regions()
        return named_frames(self.embeddings.source, Path(self.embeddings.root), self.embeddings.names)

    def regions(self) -> RegionSet:
        """The superpixels.

        Raises:
            DataError: they cannot be read, or whole pictures were clustered.
        """
        from edgevision.discovery.regions.region_set import RegionSet

        if not self.has_regions:
            raise DataError(f"{self.path} holds clusters of whole pictures", expected="of `cluster --segment`")
        maps = RegionMaps.load(self.path / REGION_MAPS, self.embeddings.names)
        return RegionSet.of(self.embeddings.source, Path(self.embeddings.root), maps)


@dataclass(frozen=True, eq=False)
class NewClusterFolder:
    """What goes into a clusters folder beside the files that `save` adds."""

    path: Path
    embeddings: Embeddings
    grouping: Grouping
    statistics: Statistics
    record: dict[str, Any]  # further entries of clusters.json
    force: bool = False


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse early what `write_clusters` would refuse late.

    Raises:
        UsageError: it exists and `force` is not given, is no clusters folder, or holds names that somebody gave.
    """
    if path.name in ("", ".."):
        raise UsageError(f"{path} is no name for a new folder", expected="such as clusters")
    refuse_to_overwrite(path, force=force)
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]) and not (path / RECORD).is_file():
        raise UsageError(f"{path} exists and is not a clusters folder", hint="choose another name")
    if named := _names_given(path / NAMES):
        raise UsageError(
            f"{path / NAMES} holds names for {named} clusters, which new clusters would lose",
            hint="choose another folder, or remove names.csv first",
        )
    check_place(path)


def write_clusters(new: NewClusterFolder, save: Callable[[Path], None] = lambda folder: None) -> ClusterFolder:
    """Write the folder, whole or not at all; `save(folder)` adds the report and the rest."""
    check_writable(new.path, force=new.force)
    with atomic_folder(new.path) as folder:
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        record = {"schema": SCHEMA, "created": created, **new.record, **_facts(new)}
        (folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_csv(folder / ASSIGNMENTS, ("name", "cluster", "distance", "margin", "role"), _assignment_rows(new))
        sizes = [[number, facts.size, ""] for number, facts in enumerate(new.statistics.clusters)]
        write_csv(folder / NAMES, ("cluster", "size", "name"), sizes)
        new.embeddings.save(folder / EMBEDDINGS)
        np.savez(folder / CENTROIDS, centroids=new.grouping.centroids)
        save(folder)
    return ClusterFolder.open(new.path)


def _facts(new: NewClusterFolder) -> dict[str, Any]:
    """What clusters.json says of the pictures."""
    names, statistics = new.embeddings.names, new.statistics

    def named(positions: Sequence[int]) -> list[str]:
        return [names[position] for position in positions]

    return {
        "method": new.grouping.method,
        "pictures": len(names),
        "source": new.embeddings.source,
        "root": new.embeddings.root,
        "model": new.embeddings.model,
        "space": vars(new.embeddings.space),
        "purity": _number(statistics.purity),
        "outlier_distance": statistics.outlier_distance,
        "outliers": len(statistics.outliers),
        "clusters": [
            {
                "cluster": number,
                "size": facts.size,
                "purity": _number(facts.purity),
                "spread": facts.spread,
                "medoid": names[facts.medoid],
                "exemplars": named(facts.exemplars),
                "borderline": named(facts.borderline),
            }
            for number, facts in enumerate(statistics.clusters)
        ],
    }


def _assignment_rows(new: NewClusterFolder) -> list[list[object]]:
    found, statistics = new.grouping.assignment, new.statistics
    columns = zip(new.embeddings.names, found, statistics.distance, statistics.margin, statistics.roles, strict=True)
    return [
        [name, int(cluster), f"{distance:.6f}", f"{margin:.6f}" if math.isfinite(margin) else "", role]
        for name, cluster, distance, margin, role in columns
    ]


def _read_record(path: Path) -> dict[str, Any]:
    if not (path / RECORD).is_file():
        raise DataError(f"{path} is no clusters folder", expected=EXPECTED)
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path / RECORD} cannot be read: {error}", expected=EXPECTED) from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise DataError(f"{path / RECORD} is not of the schema {SCHEMA}", expected=EXPECTED)
    return record


def _read_statistics(path: Path, record: dict[str, Any], names: Sequence[str]) -> tuple[Statistics, Any]:
    """(statistics, cluster of each picture) from assignments.csv and clusters.json."""
    with (path / ASSIGNMENTS).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if [row["name"] for row in rows] != list(names):
        raise ValueError(f"{ASSIGNMENTS} and {EMBEDDINGS} are of other pictures")
    if strange := {row["role"] for row in rows} - set(ROLES):
        raise ValueError(f"{ASSIGNMENTS} knows the roles {', '.join(sorted(strange))}")
    position = {name: index for index, name in enumerate(names)}

    def facts_of(entry: dict[str, Any]) -> ClusterFacts:
        exemplars, borderline = (tuple(position[name] for name in entry[key]) for key in ("exemplars", "borderline"))
        purity = math.nan if entry["purity"] is None else float(entry["purity"])
        medoid = position[entry["medoid"]]
        return ClusterFacts(entry["size"], purity, float(entry["spread"]), medoid, exemplars, borderline)

    statistics = Statistics(
        distance=np.array([float(row["distance"]) for row in rows]),
        margin=np.array([float(row["margin"] or "inf") for row in rows]),
        roles=tuple(row["role"] for row in rows),
        clusters=tuple(facts_of(entry) for entry in record["clusters"]),
        purity=math.nan if record["purity"] is None else float(record["purity"]),
        outlier_distance=float(record["outlier_distance"]),
    )
    return statistics, np.array([int(row["cluster"]) for row in rows], np.int64)


def _names_given(path: Path) -> int:
    """Clusters that have a name in names.csv, which a spreadsheet may have written with semicolons."""
    if not path.is_file():
        return 0
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()[1:]
    return sum(1 for line in lines if any(cell.strip() for cell in re.split("[,;]", line)[2:]))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
