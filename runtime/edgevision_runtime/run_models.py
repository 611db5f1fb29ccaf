"""The models of a run: opened from their bundles, shared by cameras, and opened anew when they are exchanged."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras.needed_size import needed_size
from edgevision_runtime.choice import Choice, choose
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.engine_options import extras_of, profile_of
from edgevision_runtime.errors import ModelError, UsageError
from edgevision_runtime.models import LoadedModel, ModelSlot, load_model
from edgevision_runtime.status import ModelStatus, RunStatus
from edgevision_runtime.swap import SwapSetup, smaller_choice
from edgevision_runtime.unread_members import UnreadMembers
from edgevision_runtime.upkeep import KeptModel

if TYPE_CHECKING:
    from edgevision_runtime.profile import Profile


class RunModels:
    """The models of a run; cameras that name the same bundle share its interpreters."""

    def __init__(self, options: dict[str, Any], status: RunStatus, opened: ExitStack) -> None:
        self._options, self._status, self._opened = options, status, opened
        self._slots: dict[Path, ModelSlot] = {}
        self._first_contracts: dict[Path, Preprocess] = {}
        self.has_small_frames = bool(options["small_frames"])
        self.kept: list[KeptModel] = []  # for the exchange while it runs
        self.unread: list[UnreadMembers] = []  # what is not needed of the first bundles, and still to be checked

    @cached_property
    def board(self) -> Profile | None:
        """The board that the flags name, else the one that this machine is. Raises UsageError: --device names none."""
        return profile_of({**self._options, "engine": None})  # its heat counts also where an engine was asked for

    def of(self, paths: tuple[Path, ...]) -> list[ModelSlot]:
        """A slot for each bundle. Raises UsageError when one is named twice."""
        if len(set(paths)) < len(paths):
            raise UsageError(f"a bundle is named twice: {', '.join(map(str, paths))}", expected="each one once")
        return [self._slot(path) for path in paths]

    def _slot(self, path: Path) -> ModelSlot:
        if path not in self._slots:
            bundle = self._open_bundle(path, reads_late=True)
            self.unread.append(bundle.unread)
            self._opened.callback(bundle.unread.close)
            choice = self._choose(bundle, False)
            loaded = self._load(bundle, choice)
            self._first_contracts[path] = loaded.spec.preprocess
            slot = self._slots[path] = self._opened.enter_context(ModelSlot(loaded))
            self.show(path, loaded)
            has_smaller = self._options["variant"] is None and smaller_choice(bundle, choice) is not None
            setup = SwapSetup(self._open_successor, self._choose, self._load)
            self.kept.append(KeptModel(path, slot, setup, has_smaller))
        return self._slots[path]

    def show(self, path: Path, loaded: LoadedModel) -> None:
        """Let the status say what answers now."""
        engine, choice = loaded.predictors[0].engine, loaded.choice
        self._status.set_model(
            path,
            ModelStatus(
                title=loaded.title,
                variant=choice.variant.name,
                precision=choice.variant.precision,
                engine=f"{engine.name} {engine.version}",
                kernels=engine.kernels,
                reason=choice.reason,
                manifest_sha256=loaded.manifest_sha256,
            ),
        )

    def _open_bundle(self, path: Path, *, reads_late: bool = False) -> Bundle:
        key = self._options["public_key"]
        return Bundle.open(path, public_key=key, require_signature=key is not None, reads_late=reads_late)

    def _open_successor(self, path: Path) -> Bundle:
        """The bundle that shall be exchanged for the present one; cameras that deliver little go on doing so."""
        bundle = self._open_bundle(path)
        if self.has_small_frames:
            delivered, wanted = needed_size([self._first_contracts[path]]), needed_size([bundle.spec.preprocess])
            if wanted[0] > delivered[0] or wanted[1] > delivered[1]:
                raise ModelError(
                    f"{bundle.name} {bundle.version} needs pictures of {wanted[0]}x{wanted[1]}",
                    expected=f"at most {delivered[0]}x{delivered[1]}, which --small-frames asked the cameras for",
                    hint="end the run and start it anew with this bundle",
                )
        return bundle

    def _choose(self, bundle: Bundle, wants_smaller: bool) -> Choice:
        """The usual choice; a smaller variant where one is wanted, and none was asked for by its name."""
        options = self._options
        usual = choose(
            bundle,
            variant=options["variant"],
            engine=options["engine"],
            profile=self.board,
            extras=extras_of(options),
        )
        smaller = smaller_choice(bundle, usual) if wants_smaller and self._options["variant"] is None else None
        return smaller or usual

    def _load(self, bundle: Bundle, choice: Choice) -> LoadedModel:
        return load_model(bundle, choice, workers=self._options["workers"], threads=self._options["threads"])
