"""Which variant of a bundle runs on which engine: what was asked for, else what the board prefers, else the bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import (
    ENGINES,
    HAS_CACHE,
    Extras,
    check_extras,
    engines_for,
    how_to_run,
    installed_version,
    is_here,
    pip_install,
    require_engine,
    what_it_lacks,
)
from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.types import Variant

if TYPE_CHECKING:
    from edgevision_runtime.profile import EnginePin, Profile, System

BUNDLES_DEFAULT = "the first installed engine that the bundle has a default for"
# On an accelerator float comes first: our int8 ONNX files have uint8 activations, which CPUs compute fastest, CUDA
# computes in float anyway, and TensorRT does not take.
ACCELERATED_FIRST = ("float32", "float16", "int8")


class Choice(NamedTuple):
    """Which variant runs on which engine, with what, and why."""

    variant: Variant
    engine: str
    reason: str
    extras: Extras = Extras()


def choose(
    bundle: Bundle,
    *,
    variant: str | None = None,
    engine: str | None = None,
    profile: Profile | None = None,
    extras: Extras | None = None,
) -> Choice:
    """Pick a variant and an engine: as asked for, else in the profile's order, else by the bundle's defaults.

    Raises:
        UsageError: there is no such variant or engine, or the one does not run the other.
        MissingDependency: the engine is not installed, or no installed engine runs any variant.
    """
    asked, extras = None if variant is None else bundle.variant(variant), extras or Extras()
    if engine is not None:
        require_engine(engine)
        check_extras(engine, extras)
        return Choice(_variant_on(bundle, engine, asked), engine, "asked for", extras)
    if profile is None:
        return _by_default(bundle, asked, BUNDLES_DEFAULT, extras)
    return _by_profile(bundle, profile, asked, extras)


def _by_profile(bundle: Bundle, profile: Profile, asked: Variant | None, extras: Extras) -> Choice:
    from edgevision_runtime.profile import this_host  # here: reading TOML takes 6 ms to import, and few need it

    host = this_host()
    system = profile.system_for(host)
    if system is None:
        reason = f"{BUNDLES_DEFAULT}; {profile.file} knows no system like {host}"
        return _by_default(bundle, asked, reason, extras)
    found = _in_order(bundle, system, asked, extras)
    if isinstance(found, str):
        reason = f"{BUNDLES_DEFAULT}; {profile.file} has none of them for {system.name}: {found}"
        return _by_default(bundle, asked, reason, extras)
    before = "" if asked is None else f"{asked.name} asked for; "
    near = "" if host.is_exactly(system) else f" (the nearest to {host})"
    after = f"; before it, {found.reason}" if found.reason else ""
    reason = f"{before}first engine installed here that {profile.file} lists for {system.name}{near}{after}"
    return Choice(found.variant, found.engine, reason, extras)


def _in_order(bundle: Bundle, system: System, asked: Variant | None, extras: Extras) -> Choice | str:
    """The first of a system's engines that is here and runs something; its reason says why not those before it."""
    passed_over: list[str] = []
    for pin in system.engines:
        wanted, obstacle = _obstacle(bundle, pin, asked, extras)
        if wanted is not None and not obstacle:
            return Choice(wanted, pin.name, ", ".join(passed_over))
        passed_over.append(f"{pin.name} {obstacle}")
    return ", ".join(passed_over) or "it lists no engine"


def _obstacle(bundle: Bundle, pin: EnginePin, asked: Variant | None, extras: Extras) -> tuple[Variant | None, str]:
    """The variant that an engine would run, and what is in the way, if anything."""
    wanted = next(_variants_for(bundle, pin.name), None) if asked is None else asked
    if wanted is None or wanted.format != ENGINES[pin.name].format:
        return None, f"runs no {asked.name}" if asked else "has no variant in this bundle"
    if what_it_lacks(pin.name, extras):
        return wanted, what_it_lacks(pin.name, extras)
    if installed_version(pin.name) is None:
        return wanted, f"is not installed ({pip_install(ENGINES[pin.name].extra)})"
    if not is_here(pin.name):
        return wanted, f"is not built into the onnxruntime here ({ENGINES[pin.name].provider})"
    refused = pin.refused_operators(wanted)
    return wanted, f"does not know {', '.join(refused)}" if refused else ""


def _by_default(bundle: Bundle, asked: Variant | None, reason: str, extras: Extras) -> Choice:
    """The asked-for variant on the first engine that runs it, or the first engine that the bundle has a default for."""
    formats = {variant.format for variant in bundle.variants} if asked is None else {asked.format}
    names = engines_for(asked.format) if asked else list(bundle.manifest.default_variants)
    for name in names:
        wanted = asked or bundle.variant(bundle.manifest.default_variants[name])
        if name in engines_for(wanted.format) and not what_it_lacks(name, extras):
            return Choice(wanted, name, reason if asked is None else f"{asked.name} asked for; {reason}", extras)
    what = asked.name if asked else " or ".join(sorted(formats))
    also = f" with the delegate {extras.delegate.name}" if extras.delegate else ""
    also += f" with an engine cache; that is --engine {HAS_CACHE}" if extras.engine_cache else ""
    raise MissingDependency(f"no installed engine runs {what}{also}", hint=how_to_run(formats))


def _variant_on(bundle: Bundle, engine: str, asked: Variant | None) -> Variant:
    """What an engine that was asked for runs. Raises UsageError when that is nothing."""
    model_format = ENGINES[engine].format
    if asked is not None:
        if asked.format != model_format:
            takes = " | ".join(name for name, kind in ENGINES.items() if kind.format == asked.format)
            raise UsageError(f"engine {engine} does not run {asked.name}", expected=takes)
        return asked
    for variant in _variants_for(bundle, engine):
        return variant
    raise UsageError(f"engine {engine} runs none of the variants", expected=" | ".join(v.name for v in bundle.variants))


def _variants_for(bundle: Bundle, engine: str) -> Iterator[Variant]:
    """What an engine runs when nobody names a variant: the bundle's default for it, best first for an accelerator."""
    default = bundle.manifest.default_variants.get(engine)
    if default is not None:
        yield bundle.variant(default)
    elif ENGINES[engine].provider:
        fitting = [variant for variant in bundle.variants if variant.format == ENGINES[engine].format]
        known = [variant for variant in fitting if variant.precision in ACCELERATED_FIRST]
        yield from sorted(known, key=lambda variant: ACCELERATED_FIRST.index(variant.precision))
