"""Puts a server further away than another process is; see `Distance`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Self

_CHUNK = 1 << 18


class Distance:
    """Passes TCP connections on to a port of this machine, each byte so many seconds later.

    port: where it listens. A new connection takes a round trip more, as its handshake would.
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
        """What comes is on its way for a time, and more may come meanwhile."""
        on_its_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.create_task(self._deliver(on_its_way, writer))
        data = b"anything"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:  # what it came from broke off; so does this
                data = b""
            on_its_way.put_nowait((self._loop.time() + self._seconds, data))
        await delivery

    async def _deliver(
        self, on_its_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = await on_its_way.get()
                await asyncio.sleep(due - self._loop.time())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()
