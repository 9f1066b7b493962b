"""A front on the event loop: it accepts as many connections as the front has room for, and ticks.

The others wait in the kernel's queue. The event loop cannot stop accepting and begin again, so it is given a
copy of the listening socket's descriptor, which it closes to stop; the socket itself goes on listening.
"""

import asyncio
import contextlib
import socket

from unoingest.front.front import Front

BACKLOG = 1024
SWEEP_S = 1.0


class Listening:
    """Has a front serve who connects to a socket.

    Args:
        front: Serves them.
        listener: It listens, and is closed by `end`.
        sweep_s: How often the front looks who is late, in seconds.
    """

    def __init__(self, front: Front, listener: socket.socket, *, sweep_s: float = SWEEP_S) -> None:
        self._front = front
        self._listener = listener
        self._sweep_s = sweep_s
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()
        self._front.on_change = self._on_change
        listener.setblocking(False)
        self._tick()
        self._accepting = self._loop.create_task(self._accept())

    async def end(self, limit_s: float) -> None:
        """Answer what has begun to arrive; what is not answered after so many seconds is cut off."""
        self._accepting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._accepting
        self._stop_accepting()
        self._listener.close()
        self._front.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._until_empty(), limit_s)
        self._front.abort()
        self._timer.cancel()
        await self._until_empty()

    async def _accept(self) -> None:
        """Accept while there is room."""
        while True:
            self._changed.clear()
            if self._front.has_room and self._server is None:
                self._server = await self._loop.create_server(
                    self._front.connect, sock=self._listener.dup(), backlog=BACKLOG
                )
            await self._changed.wait()

    def _on_change(self) -> None:
        # at once, before the event loop accepts the next one
        if not self._front.has_room:
            self._stop_accepting()
        self._changed.set()

    def _stop_accepting(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _until_empty(self) -> None:
        while not self._front.is_empty:
            self._changed.clear()
            await self._changed.wait()

    def _tick(self) -> None:
        self._front.sweep(self._loop.time())
        self._timer = self._loop.call_later(self._sweep_s, self._tick)
