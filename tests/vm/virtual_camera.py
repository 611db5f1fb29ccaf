"""Runs in the guest, before picamera2 is imported: what it takes for granted of a Raspberry Pi, and is not there.

Its buffers come from libcamera instead of the Pi's heap, there is no raw stream, and the modules for raw files and for
the Pi's screen are empty. What a camera that is read through it needs is picamera2's own.
"""

import mmap
import sys
import types


class _AnyName(type):
    def __getattr__(cls, name):
        return name


class PixelFormat(metaclass=_AnyName):
    """Of pykms: whatever is asked for."""


for name, content in {
    "pykms": {"PixelFormat": PixelFormat},
    "pidng": {},
    "pidng.core": {"PICAM2DNG": object},
    "pidng.camdefs": {"Picamera2Camera": object},
}.items():
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content)

from picamera2 import Picamera2, picamera2  # noqa: E402
from picamera2.allocators import LibcameraAllocator, allocator  # noqa: E402


def _map_whole(self):
    """The virtual pipeline does not say how many bytes of a buffer it used."""
    planes = self._Sync__fb.planes
    length = sum(plane.length for plane in planes)
    self._Sync__mm = mmap.mmap(planes[0].fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    return self._Sync__mm


def _configure(self, *arguments):
    self.allocator = self.allocator or LibcameraAllocator(self.camera)
    return _configure_as_published(self, *arguments)


_configure_as_published = Picamera2.configure_
Picamera2.configure_ = _configure
Picamera2._get_raw_modes = lambda self: [{"size": (640, 480), "format": "SRGGB10"}]
picamera2.DmaAllocator = lambda: None
allocator.Sync.__enter__ = _map_whole
