"""An IP camera for tests, Motion JPEG over HTTP: `mjpeg_server.py PORT [--frames N] [--cut] [--no-length]`.

With `--generation G --log FILE` it sends numbered pictures, and writes each number with the time of sending
(CLOCK_MONOTONIC) to FILE.
"""

from __future__ import annotations

import argparse
import itertools
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import counted_pictures
import cv2
import numpy as np

PERIOD_S = 1 / counted_pictures.FPS
COUNTER = itertools.count()
LEVELS = tuple(range(20, 241, 20))
PICTURES = [cv2.imencode(".jpg", np.full((240, 320, 3), level, np.uint8))[1].tobytes() for level in LEVELS]


class Camera(BaseHTTPRequestHandler):
    settings: argparse.Namespace

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in itertools.count():
            data = PICTURES[number % len(PICTURES)] if self.settings.generation is None else self.next_numbered()
            if number == self.settings.frames:
                if self.settings.cut:
                    self.wfile.write(self.head(data) + data[: len(data) // 2])
                return
            try:
                self.wfile.write(self.head(data) + data + b"\r\n")
            except OSError:
                return
            time.sleep(PERIOD_S)

    def next_numbered(self) -> bytes:
        number = counted_pictures.number_of(self.settings.generation, next(COUNTER))
        grey = np.frombuffer(counted_pictures.plane(number), np.uint8)
        with self.settings.log.open("a", encoding="ascii") as log:
            log.write(f"{number} {time.monotonic()}\n")
        picture = grey.reshape(counted_pictures.HEIGHT, counted_pictures.WIDTH)
        return cv2.imencode(".jpg", picture)[1].tobytes()

    def head(self, data: bytes) -> bytes:
        length = b"" if self.settings.no_length else b"Content-Length: %d\r\n" % len(data)
        return b"--frame\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n"

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--no-length", action="store_true")
    parser.add_argument("--generation", type=int)
    parser.add_argument("--log", type=Path)
    Camera.settings = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", Camera.settings.port), Camera)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()
