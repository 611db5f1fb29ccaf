"""All the boards that edgevision knows, at once; `edgevision_runtime.profile` reads their files."""

from __future__ import annotations

from functools import cache

from edgevision_runtime.profile import EnginePin, Profile, System, profile_files, read_profile

__all__ = ["Device", "EnginePin", "System", "load_devices"]

Device = Profile


@cache
def load_devices() -> dict[str, Device]:
    """The boards that come with edgevision, by name.

    Raises:
        UsageError: a file that is not as it must be; names the file and the field.
    """
    return {name: read_profile(path) for name, path in profile_files().items()}
