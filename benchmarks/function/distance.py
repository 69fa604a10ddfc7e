"""Adds network latency to a local server; see `Distance`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Self

_CHUNK = 1 << 18


class Distance:
    """Forwards TCP connections to a local port and delays every byte by `seconds`.

    port: the port on which it listens. A new connection takes one more round trip, like a
    handshake.
    """

    def __init__(self, port: int, seconds: float) -> None:
        self._upstream = port
        self._seconds = seconds
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        serving = asyncio.start_server(self._connect, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        self.port: int = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self._seconds)
        there = await asyncio.open_connection("127.0.0.1", self._upstream)
        await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads data and queues it for a delayed delivery, while more data may arrive."""
        in_transit: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.create_task(self._deliver(in_transit, writer))
        data = b"not empty yet"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:  # the sender broke off, so the receiver's connection ends, too
                data = b""
            in_transit.put_nowait((self._loop.time() + self._seconds, data))
        await delivery

    async def _deliver(
        self, in_transit: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = await in_transit.get()
                await asyncio.sleep(due - self._loop.time())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()
