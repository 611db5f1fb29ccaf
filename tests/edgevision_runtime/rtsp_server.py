"""An RTSP camera for tests, H.264 by GStreamer: `/usr/bin/python3 rtsp_server.py PORT [USER PASSWORD]`.

Needs python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base and -ugly (x264enc), as Debian names them.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions have to be named before

GREY = 0xFF787878  # level 120 in each channel
LAUNCH = (
    f"( videotestsrc is-live=true pattern=solid-color foreground-color={GREY} "
    "! video/x-raw,format=I420,width=320,height=240,framerate=20/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=20 bitrate=500 "
    "! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


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
    factory.set_launch(LAUNCH)
    factory.set_shared(True)
    if len(sys.argv) > 2:
        demand_password(server, factory, sys.argv[2], sys.argv[3])
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit(f"port {sys.argv[1]} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
