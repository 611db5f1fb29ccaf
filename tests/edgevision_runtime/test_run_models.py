"""The models of a run: shared by cameras, and exchanged only for what the cameras can serve."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.errors import ModelError, UsageError
from edgevision_runtime.operations import Crop
from edgevision_runtime.run_models import RunModels
from edgevision_runtime.status import RunStatus

OPTIONS: dict[str, Any] = {
    **{"public_key": None, "variant": None, "engine": None, "device": None, "delegate": None, "engine_cache": None},
    **{"workers": 1, "threads": 1, "small_frames": False},
}


def closer(content: BundleContent) -> BundleContent:
    """The same network on the middle of the picture, which needs pictures twice as large."""
    spec, contract = content.spec, content.spec.preprocess
    middle = Crop("roi", box=(0.25, 0.25, 0.75, 0.75))
    contract = replace(contract, operations=(middle, *contract.operations))
    return replace(content, version="2.0.0", spec=replace(spec, preprocess=contract))


def test_cameras_that_name_one_bundle_share_its_interpreters(colour_content: BundleContent, tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "a.evb", colour_content).path

    with ExitStack() as opened:
        models = RunModels(OPTIONS, RunStatus(), opened)
        front, back = models.of((path,)), models.of((path,))

        assert front[0] is back[0]
        assert len(models.kept) == 1
        with pytest.raises(UsageError, match="named twice"):
            models.of((path, path))


@pytest.mark.parametrize("is_small", [True, False])
def test_a_successor_that_needs_larger_pictures_is_refused_where_cameras_deliver_little(
    is_small: bool, colour_content: BundleContent, tmp_path: Path
) -> None:
    path = write_bundle(tmp_path / "a.evb", colour_content).path
    with ExitStack() as opened:
        models = RunModels({**OPTIONS, "small_frames": is_small}, RunStatus(), opened)
        models.of((path,))
        write_bundle(path, closer(colour_content), force=True)

        if is_small:
            with pytest.raises(ModelError, match="needs pictures of"):
                models.kept[0].setup.open(path)
        else:
            assert models.kept[0].setup.open(path).version == "2.0.0"
