"""A bad line to a camera: `bad_line.py PORT cut|hang TARGET`, `bad_line.py PORT silent|denied`.

Passes on what the camera at port TARGET sends. At SIGUSR1 it breaks what is connected (cut), or passes on no more of it
(hang); who connects anew is served. Without a camera it takes connections and says nothing (silent) or 401 (denied).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio import StreamReader, StreamWriter

CHUNK = 1 << 16
DENIED = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nContent-Length: 4096\r\n\r\n" + b" " * 4096


class Line:
    """Its connections."""

    def __init__(self, fault: str, target: int) -> None:
        self.fault, self.target = fault, target
        self.connected: set[StreamWriter] = set()
        self.hanging: set[StreamWriter] = set()

    async def connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one who connects, until either end has enough."""
        if self.fault in ("silent", "denied"):
            await reader.read(CHUNK)
            if self.fault == "denied":
                writer.write(DENIED)
            await reader.read()
            writer.close()
            return
        from_camera, to_camera = await asyncio.open_connection("127.0.0.1", self.target)
        self.connected.add(writer)
        await asyncio.gather(self._pass_on(reader, to_camera), self._pass_on(from_camera, writer))
        self.connected.discard(writer)
        self.hanging.discard(writer)

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                if writer not in self.hanging:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass  # broken, by us or by the other end
        finally:
            writer.close()

    def fail(self) -> None:
        """What SIGUSR1 does to those who are connected."""
        if self.fault == "hang":
            self.hanging |= self.connected
        for writer in self.connected - self.hanging:
            writer.transport.abort()


async def main() -> None:
    """Until it is killed."""
    line = Line(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, line.fail)
    server = await asyncio.start_server(line.connect, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
