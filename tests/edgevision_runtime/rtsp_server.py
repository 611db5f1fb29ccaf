"""An RTSP camera for tests, H.264: `/usr/bin/python3 rtsp_server.py PORT [USER PASSWORD [GENERATION LOG]]`.

With a generation it sends numbered pictures, and writes each number with the time of sending (CLOCK_MONOTONIC) to LOG.

Needs python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base and -ugly (x264enc), as Debian names them.
"""

import itertools
import sys
import time
from pathlib import Path

import counted_pictures
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions have to be named before

GREY = 0xFF787878  # level 120 in each channel
SIZE = f"width={counted_pictures.WIDTH},height={counted_pictures.HEIGHT},framerate={counted_pictures.FPS}/1"
PLAIN = f"videotestsrc is-live=true pattern=solid-color foreground-color={GREY} ! video/x-raw,format=I420,{SIZE}"
NUMBERED = (
    f"appsrc name=pictures is-live=true do-timestamp=true format=time caps=video/x-raw,format=GRAY8,{SIZE} "
    "! videoconvert ! video/x-raw,format=I420"
)
ENCODED = (
    "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=20 bitrate=1500 "
    "! rtph264pay name=pay0 pt=96 config-interval=1"
)


def send_numbers(factory, generation, log):
    """Push a numbered picture every 50 ms while anybody is connected."""
    counter = itertools.count()

    def push(source):
        number = counted_pictures.number_of(generation, next(counter))
        with Path(log).open("a", encoding="ascii") as file:
            file.write(f"{number} {time.monotonic()}\n")
        picture = Gst.Buffer.new_wrapped(counted_pictures.plane(number))
        return source.emit("push-buffer", picture) == Gst.FlowReturn.OK

    def begin(factory, media):
        source = media.get_element().get_by_name_recurse_up("pictures")
        GLib.timeout_add(1000 // counted_pictures.FPS, push, source)

    factory.connect("media-configure", begin)


def demand_password(server, factory, user, password):
    """Let only this user in."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main():
    Gst.init(None)
    if Gst.ElementFactory.find("x264enc") is None or Gst.ElementFactory.find("rtph264pay") is None:
        sys.exit("no x264enc or rtph264pay")
    if sys.argv[1] == "check":
        return
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory()
    is_numbered = len(sys.argv) > 4
    factory.set_launch(f"( {NUMBERED if is_numbered else PLAIN} ! {ENCODED} )")
    factory.set_shared(True)
    if is_numbered:
        send_numbers(factory, int(sys.argv[4]), sys.argv[5])
    if len(sys.argv) > 2:
        demand_password(server, factory, sys.argv[2], sys.argv[3])
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit(f"port {sys.argv[1]} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
