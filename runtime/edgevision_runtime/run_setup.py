"""From the flags of `run` to what the loop works with: cameras, models, sinks, observers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision_runtime.camera_file import CameraPlan, plans_of
from edgevision_runtime.cameras import Camera, open_camera
from edgevision_runtime.cameras.needed_size import needed_size
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import UsageError
from edgevision_runtime.health.limits import CAUTIOUS
from edgevision_runtime.health.reading import HealthReading
from edgevision_runtime.late_check import LateCheck
from edgevision_runtime.messages import Observer, Result
from edgevision_runtime.models import ModelSlot
from edgevision_runtime.narrator import Narrator
from edgevision_runtime.outlet import Outlet
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import Channel, Rules, Throttle
from edgevision_runtime.redact import redact
from edgevision_runtime.run_models import RunModels
from edgevision_runtime.sinks import Sink, SinkSetup, open_sinks
from edgevision_runtime.sinks.queued import QueuedSink
from edgevision_runtime.status import CameraCounts, CameraStatus, RunStatus
from edgevision_runtime.upkeep import Board, Upkeep

if TYPE_CHECKING:
    from edgevision_runtime.health.sd_notify import ServiceNotifier, ServiceSocket
    from edgevision_runtime.noticing.reference import DriftReference
    from edgevision_runtime.watching.watch import Watch

WATCHED_BY = ("events", "event", "zone", "smooth", "longest_gap", "motion_gate")  # fields of WatchTexts


class Run(NamedTuple):
    """Everything that a run holds open."""

    channels: list[Channel]
    outputs: Outputs
    status: RunStatus
    throttle: Throttle  # set by the board's health
    reload: Callable[[], None]  # judges the bundles again; what SIGHUP calls
    late_check: LateCheck  # of what the run does not read; sets `Surroundings.stop` when that is off


class Surroundings(NamedTuple):
    """Who a run answers to."""

    tell: Callable[[str], None]  # is given lines for people
    stop: threading.Event  # set when the process shall end now: then sinks do not take the time they would like
    service: ServiceSocket | None = None  # where a service manager listens; hears when the run is ready


@contextmanager
def open_run(bundle_path: Path, options: dict[str, Any], around: Surroundings) -> Iterator[Run]:
    """Open what the flags of `run` ask for, and close all of it at the end.

    Raises:
        EdgeVisionError: a bundle, camera or sink that cannot be.
    """
    with ExitStack() as opened:
        yield _Opening(options, around, opened).run(bundle_path)


class _Opening:
    """The steps from flags to a run; what they open, `opened` closes."""

    def __init__(self, options: dict[str, Any], around: Surroundings, opened: ExitStack) -> None:
        self._options, self._around, self._opened = options, around, opened
        self._plans = plans_of(options["sources"], options["camera_file"])
        self._status = RunStatus([CameraStatus(plan.name, redact(plan.source)) for plan in self._plans])
        self._models = RunModels(options, self._status, opened)
        self._outlet = Outlet()

    def run(self, bundle_path: Path) -> Run:
        """Open everything, in the order in which one needs the other."""
        self._open_preview()
        given = (bundle_path, *self._options["also"])
        slots = [self._models.of(tuple(map(Path, plan.models)) or given) for plan in self._plans]
        cameras = [self._open_camera(plan, models) for plan, models in zip(self._plans, slots)]
        channels = [self._channel(*parts) for parts in zip(self._plans, cameras, slots)]
        wanted = self._options["sinks"] or ("jsonl",)
        if self._options["select_diverse"] is not None and not any(text.startswith("save:") for text in wanted):
            raise UsageError("--select-diverse, and no sink saves frames", expected="--sink save:FOLDER beside it")
        sinks = self._opened.enter_context(open_sinks(wanted, self._sink_setup(cameras, slots)))
        self._status.sinks = [sink for sink in sinks if isinstance(sink, QueuedSink)]
        outputs, notifier = self._open_outputs(sinks)
        throttle = Throttle()
        upkeep = self._opened.enter_context(self._upkeep(throttle))
        late_check = self._opened.enter_context(LateCheck(self._models.unread, broken=self._around.stop.set))
        if notifier is not None:
            notifier.ready()
        return Run(channels, outputs, self._status, throttle, upkeep.reload, late_check)

    def _open_preview(self) -> None:
        """First of all, so that a page is there while models load; what it needs is imported by those who want it."""
        options = self._options
        if any(options[f"preview{which}"] is not None for which in ("", "_token", "_token_file")):
            from edgevision_runtime.preview.serving import serve_preview

            most_fps = [self._most_fps(plan) for plan in self._plans]
            preview = serve_preview(options, self._status, tell=self._around.tell, most_fps=most_fps)
            self._opened.enter_context(preview)

    def _open_camera(self, plan: CameraPlan, models: Sequence[ModelSlot]) -> Camera:
        options = self._options
        is_small = options["small_frames"] if plan.small_frames is None else plan.small_frames
        self._models.has_small_frames |= is_small
        wishes = CameraOptions(
            needed_size=needed_size([slot.present.spec.preprocess for slot in models]) if is_small else None,
            fps=options["fps"],
            is_fast=options["fast"],
            give_up_after_s=options["give_up_after"],
            on_event=self._outlet.for_camera(plan.name),
        )
        camera = self._opened.enter_context(open_camera(plan.source, options=wishes))
        self._status.cameras[plan.name].counts = camera if isinstance(camera, CameraCounts) else None
        return camera

    def _channel(self, plan: CameraPlan, camera: Camera, models: Sequence[ModelSlot]) -> Channel:
        watch = self._watch(plan, camera, models)
        if watch is not None:
            self._outlet.watches = {**self._outlet.watches, plan.name: watch}
        policy = plan.policy or self._options["policy"] or ("latest" if camera.is_live else "every")
        status = self._status.cameras[plan.name]
        gate, rules = (None, ()) if watch is None else (watch.gate, watch.rules)
        monitors = [self._monitor(slot, camera) for slot in models]
        return Channel(camera, models, status, policy, self._most_fps(plan), gate, rules, monitors)

    def _monitor(self, slot: ModelSlot, camera: Camera) -> Rules | None:
        """What watches for drift; a successor of a bundle with an embedding may bring a reference."""
        if not slot.present.space or self._options["no_drift"]:
            return None
        from edgevision_runtime.noticing.drift import DriftMonitor

        def reference_of(result: Result) -> DriftReference | None:
            return slot.present.reference if slot.present.spec is result.spec else None

        is_paced = camera.is_live or (camera.fps is not None and not self._options["fast"])
        return DriftMonitor(reference_of, is_paced=is_paced)

    def _watch(self, plan: CameraPlan, camera: Camera, models: Sequence[ModelSlot]) -> Watch | None:
        """What looks at the answers; imported by those who want it."""
        own = {"event": plan.events, "zone": plan.zones, "smooth": plan.smooth, "motion_gate": plan.motion_gate}
        texts: dict[str, Any] = {name: own.get(name) or self._options[name] for name in WATCHED_BY}
        if all(text in (None, (), False) for text in texts.values()):
            return None
        from edgevision_runtime.watching.reading import WatchTexts, read_watch
        from edgevision_runtime.watching.watch import Watch

        settings = read_watch(WatchTexts(**texts), where=f"camera {plan.name}" if any(own.values()) else "")
        return Watch(settings, [slot.present.spec for slot in models], plan.name, camera.clock.monotonic)

    def _most_fps(self, plan: CameraPlan) -> float | None:
        most_fps: float | None = plan.max_fps or self._options["max_fps"]
        return most_fps

    def _sink_setup(self, cameras: Sequence[Camera], slots: Sequence[Sequence[ModelSlot]]) -> SinkSetup:
        first = slots[0][0].present
        return SinkSetup(
            task=first.spec.task,
            labels=first.spec.labels,
            model=first.title,
            cameras=tuple(self._status.cameras),
            fps=cameras[0].fps,
            is_live=any(camera.is_live for camera in cameras),
            force=self._options["force"],
            specs=tuple(slot.present.spec for models in slots for slot in models),
            only_events=self._options["events"],
            tell=self._outlet.tell,
            stop=self._around.stop,
            alike=self._options["select_diverse"],
            has_embedding=any(slot.present.space for models in slots for slot in models),
        )

    def _open_outputs(self, sinks: Sequence[Sink]) -> tuple[Outputs, ServiceNotifier | None]:
        notifier = None
        if self._around.service is not None:
            from edgevision_runtime.health.sd_notify import ServiceNotifier

            notifier = ServiceNotifier(self._around.service, describe=self._status.line)
            self._opened.enter_context(notifier)
        observers: list[Observer] = [self._status, Narrator(self._around.tell), *([notifier] if notifier else [])]
        on_still = notifier.frame_done if notifier else None
        outputs = Outputs(sinks, observers, only_events=self._options["events"], on_still=on_still)
        self._outlet.open(outputs)
        return outputs, notifier

    def _upkeep(self, throttle: Throttle) -> Upkeep:
        def show(reading: HealthReading) -> None:
            self._status.health, throttle.factor = reading, reading.pace_factor

        profile = self._models.board
        board = Board(CAUTIOUS if profile is None else profile.thermal, folder=Path.cwd())
        return Upkeep(self._models.kept, board, show=show, tell=self._outlet.tell, swapped=self._models.show)
