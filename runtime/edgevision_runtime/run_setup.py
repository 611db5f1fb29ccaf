"""From the flags of `run` to what the loop works with: cameras, models, sinks, observers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.camera_file import CameraPlan, plans_of
from edgevision_runtime.cameras import Camera, open_camera
from edgevision_runtime.cameras.connection import ConnectedCamera
from edgevision_runtime.cameras.events import CameraEvent, Gap
from edgevision_runtime.cameras.needed_size import needed_size
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.engine_options import choice_of
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event
from edgevision_runtime.models import ModelSlot, load_model
from edgevision_runtime.narrator import Narrator
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import Channel
from edgevision_runtime.redact import redact
from edgevision_runtime.sinks import SinkSetup, open_sinks
from edgevision_runtime.sinks.queued import QueuedSink
from edgevision_runtime.status import CameraStatus, ModelStatus, RunStatus
from edgevision_runtime.watching.reading import WatchTexts, read_watch
from edgevision_runtime.watching.watch import Watch


@dataclass(frozen=True)
class Run:
    """Everything that a run holds open."""

    channels: list[Channel]
    outputs: Outputs
    status: RunStatus


@contextmanager
def open_run(
    bundle_path: Path, options: dict[str, Any], *, tell: Callable[[str], None], stop: threading.Event
) -> Iterator[Run]:
    """Open what the flags of `run` ask for; `tell` is given lines for people. Closes all of it at the end.

    `stop` is set when the process shall end now: then sinks do not take the time that they would like to have.

    Raises:
        EdgeVisionError: a bundle, camera or sink that cannot be.
    """
    plans = plans_of(options["sources"], options["camera_file"])
    status = RunStatus([CameraStatus(plan.name, redact(plan.source)) for plan in plans])
    with ExitStack() as opened:
        _open_preview(plans, options, status, tell, opened)
        models = _Models(options, status, opened)
        slots = [models.of(tuple(map(Path, plan.models)) or (bundle_path, *options["also"])) for plan in plans]
        outlet = _Outlet()
        cameras = [
            opened.enter_context(_open_camera(plan, models_of, options, outlet))
            for plan, models_of in zip(plans, slots)
        ]
        for plan, camera in zip(plans, cameras):
            status.cameras[plan.name].counts = camera if isinstance(camera, ConnectedCamera) else None
        watches = [_watch(plan, camera, models_of, options) for plan, camera, models_of in zip(plans, cameras, slots)]
        outlet.watches = {plan.name: watch for plan, watch in zip(plans, watches)}
        setup = replace(
            _sink_setup(cameras, slots, options), cameras=tuple(status.cameras), tell=outlet.tell, stop=stop
        )
        sinks = opened.enter_context(open_sinks(options["sinks"] or ("jsonl",), setup))
        outputs = Outputs(sinks, [status, Narrator(tell)], only_events=options["events"])
        outlet.open(outputs)
        status.sinks = [sink for sink in sinks if isinstance(sink, QueuedSink)]
        channels = [
            Channel(
                camera,
                models_of,
                status.cameras[plan.name],
                _policy(plan, camera, options),
                _most_fps(plan, options),
                watch.gate,
                watch.rules,
            )
            for plan, camera, models_of, watch in zip(plans, cameras, slots, watches)
        ]
        yield Run(channels, outputs, status)


class _Models:
    """The models of a run; cameras that name the same bundle share its interpreters."""

    def __init__(self, options: dict[str, Any], status: RunStatus, opened: ExitStack) -> None:
        self._options, self._status, self._opened = options, status, opened
        self._slots: dict[Path, ModelSlot] = {}

    def of(self, paths: tuple[Path, ...]) -> list[ModelSlot]:
        """A slot for each bundle. Raises UsageError when one is named twice."""
        if len(set(paths)) < len(paths):
            raise UsageError(f"a bundle is named twice: {', '.join(map(str, paths))}", expected="each one once")
        return [self._slot(path) for path in paths]

    def _slot(self, path: Path) -> ModelSlot:
        if path not in self._slots:
            key = self._options["public_key"]
            bundle = Bundle.open(path, public_key=key, require_signature=key is not None)
            choice = choice_of(bundle, self._options)
            loaded = load_model(bundle, choice, workers=self._options["workers"], threads=self._options["threads"])
            self._slots[path] = self._opened.enter_context(ModelSlot(loaded))
            engine = loaded.predictors[0].engine
            self._status.models[str(path)] = ModelStatus(
                title=loaded.title,
                variant=choice.variant.name,
                precision=choice.variant.precision,
                engine=f"{engine.name} {engine.version}",
                kernels=engine.kernels,
                reason=choice.reason,
                sha256=loaded.sha256,
            )
        return self._slots[path]


class _Outlet:
    """Takes what cameras and sinks tell from their first moment on; it is said once there is somebody to hear it."""

    def __init__(self) -> None:
        self._outputs: Outputs | None = None
        self._early: list[Event] = []
        self._opening = threading.Lock()

    watches: Mapping[str, Watch] = MappingProxyType({})  # by the camera's name

    def tell(self, event: Event) -> None:
        """Tell it from a thread other than the loop's, where a sink that cannot be written any more shows by itself."""
        with self._opening:
            outputs = self._outputs
            if outputs is None:
                self._early.append(event)
                return
        with suppress(BrokenPipeError, UsageError):
            outputs.tell(event)

    def open(self, outputs: Outputs) -> None:
        """From now on there is somebody; what was told before is said now."""
        with self._opening:
            self._outputs = outputs
        for event in self._early:
            self.tell(event)

    def for_camera(self, name: str) -> Callable[[CameraEvent], None]:
        """The listener of one camera."""

        def tell(happened: CameraEvent) -> None:
            self.tell(_event_of(happened, name))
            if name in self.watches:
                for event in self.watches[name].hear(happened):
                    self.tell(event)

        return tell


def _sink_setup(cameras: list[Camera], slots: list[list[ModelSlot]], options: dict[str, Any]) -> SinkSetup:
    first = slots[0][0].present
    return SinkSetup(
        task=first.spec.task,
        labels=first.spec.labels,
        model=first.title,
        fps=cameras[0].fps,
        is_live=any(camera.is_live for camera in cameras),
        force=options["force"],
        specs=tuple(slot.present.spec for models_of in slots for slot in models_of),
        only_events=options["events"],
    )


def _event_of(happened: CameraEvent, camera: str) -> Event:
    if isinstance(happened, Gap):
        detail = {"duration_s": round(happened.duration_s, 3)} if happened.duration_s is not None else {}
        return Event("gap", happened.reason, ENDED if happened.is_over else BEGAN, camera, time.time(), detail)
    known = {"reason": happened.reason, "granted": str(happened.granted or "")}
    detail_of_state = {name: text for name, text in known.items() if text}
    return Event("camera", happened.state, HAPPENED, camera, time.time(), detail_of_state)


def _open_camera(plan: CameraPlan, models: list[ModelSlot], options: dict[str, Any], outlet: _Outlet) -> Camera:
    is_small = options["small_frames"] if plan.small_frames is None else plan.small_frames
    wishes = CameraOptions(
        needed_size=needed_size([slot.present.spec.preprocess for slot in models]) if is_small else None,
        fps=options["fps"],
        is_fast=options["fast"],
        give_up_after_s=options["give_up_after"],
        on_event=outlet.for_camera(plan.name),
    )
    return open_camera(plan.source, options=wishes)


def _open_preview(
    plans: list[CameraPlan], options: dict[str, Any], status: RunStatus, tell: Callable[[str], None], opened: ExitStack
) -> None:
    """First of all, so that a page is there while models load; what it needs is imported by those who want it."""
    if any(options[f"preview{which}"] is not None for which in ("", "_token", "_token_file")):
        from edgevision_runtime.preview.serving import serve_preview

        most_fps = [_most_fps(plan, options) for plan in plans]
        opened.enter_context(serve_preview(options, status, tell=tell, most_fps=most_fps))


def _watch(plan: CameraPlan, camera: Camera, models: Sequence[ModelSlot], options: dict[str, Any]) -> Watch:
    own = {"event": plan.events, "zone": plan.zones, "smooth": plan.smooth, "motion_gate": plan.motion_gate}
    texts: dict[str, Any] = {name: own.get(name) or options[name] for name in WatchTexts.__dataclass_fields__}
    settings = read_watch(WatchTexts(**texts), where=f"camera {plan.name}" if any(own.values()) else "")
    return Watch(settings, [slot.present.spec for slot in models], plan.name, camera.clock.monotonic)


def _policy(plan: CameraPlan, camera: Camera, options: dict[str, Any]) -> str:
    return plan.policy or options["policy"] or ("latest" if camera.is_live else "every")


def _most_fps(plan: CameraPlan, options: dict[str, Any]) -> float | None:
    most_fps: float | None = plan.max_fps or options["max_fps"]
    return most_fps
