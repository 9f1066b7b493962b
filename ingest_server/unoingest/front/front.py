"""All connections of a server: how many there are, what time it is for them, and how they end.

It has no socket and no clock: `unoingest.front.listening` brings both.
"""

from collections.abc import Callable

from unoingest.front.connection import Connection
from unoingest.front.request import Taker
from unoingest.front.states import BODY_S_MAX


class Front:
    """Serves connections. For the event loop's thread alone.

    Args:
        taker: What becomes of requests.
        connections_max: How many there shall be at a time.
        body_s_max: How long a body may take, in seconds.
    """

    def __init__(self, taker: Taker, connections_max: int, *, body_s_max: float = BODY_S_MAX) -> None:
        self.taker = taker
        self.body_s_max = body_s_max
        self.now_s = 0.0
        self.is_draining = False
        self.on_change: Callable[[], object] = lambda: None
        """Called when there is no room for a connection any more, or room again, or no connection."""
        self._connections_max = connections_max
        self._count = 0
        self._connections: set[Connection] = set()

    @property
    def has_room(self) -> bool:
        """Whether another connection may come."""
        return self._count < self._connections_max

    @property
    def is_empty(self) -> bool:
        """Whether there is no connection."""
        return self._count == 0

    def connect(self) -> Connection:
        """Return a new connection, which counts from now on."""
        self._count += 1
        return Connection(self)

    def add(self, connection: Connection) -> None:
        """Hear that a connection has begun."""
        self._connections.add(connection)
        if not self.has_room:
            self.on_change()
        if self.is_draining:
            connection.drain()

    def remove(self, connection: Connection) -> None:
        """Hear that a connection has ended."""
        self._connections.discard(connection)
        self._count -= 1
        if self._count == self._connections_max - 1 or self._count == 0:
            self.on_change()

    def sweep(self, now_s: float) -> None:
        """Set the time, and end what has taken too long. Called about once a second."""
        self.now_s = now_s
        for connection in tuple(self._connections):
            connection.expire(now_s)

    def drain(self) -> None:
        """Answer what has begun to arrive, and close every connection behind that."""
        self.is_draining = True
        for connection in tuple(self._connections):
            connection.drain()

    def abort(self) -> None:
        """Cut every connection."""
        for connection in tuple(self._connections):
            connection.cut()
