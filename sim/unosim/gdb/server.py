"""The TCP port on which avr-gdb finds the program: `target remote :PORT`.

Rules: on the loopback interface only. One debugger at a time; the program waits for the first, stopped before
its first instruction. When a debugger leaves, or its connection breaks, the program runs on, and another may
come.
"""

import contextlib
import os
import select
import socket
from collections.abc import Callable

from unosim.board import Stop
from unosim.errors import UserError
from unosim.gdb.packets import ProtocolError
from unosim.gdb.stub import State, Stub
from unosim.gdb.target import Target

LOOPBACK = "127.0.0.1"
_READ_BYTES = 4_096


class GdbError(UserError):
    """The port cannot be opened."""


class GdbServer:
    """Listens for a debugger.

    Args:
        port: 0 for any free one.
        target: the machine.
        reset: pushes its reset button.
        say: is told what a person wants to know.

    Raises:
        GdbError: the port cannot be opened.
    """

    def __init__(
        self, port: int, target: Target, reset: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        try:
            self._listener = socket.create_server((LOOPBACK, port))
        except OSError as error:
            raise GdbError(
                f"cannot listen on {LOOPBACK}:{port}: {os.strerror(error.errno or 0)}",
                hint="choose another port for --gdb",
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self._target = target
        self._reset = reset
        self._say = say
        self._connection: socket.socket | None = None
        self._stub: Stub | None = None
        self._came = False

    @property
    def killed(self) -> bool:
        """Whether a debugger has ended the program."""
        return self._stub is not None and self._stub.state is State.KILLED

    @property
    def holds(self) -> bool:
        """Whether the program stands still: for the first debugger, or because one has stopped it."""
        return not self._came or (self._stub is not None and self._stub.state is State.STOPPED)

    def serve(self, wait_s: float) -> None:
        """Hear the debugger, or whoever wants to be it; wait for that if the program stands still.

        Args:
            wait_s: the longest wait in wall seconds.
        """
        sockets = [self._connection or self._listener]
        if not select.select(sockets, [], [], wait_s if self.holds else 0)[0]:
            return
        if self._connection is None:
            self._accept()
            return
        try:
            data = self._connection.recv(_READ_BYTES)
            if data and self._stub:
                self._send(self._stub.receive(data))
        except ProtocolError as error:
            self._say(f"the debugger was sent away: {error}")
            data = b""
        except OSError:
            data = b""
        if not data or (self._stub and self._stub.state in {State.DETACHED, State.KILLED}):
            self._part()

    def run(self, limit_ns: int) -> Stop:
        """Let the program run up to an instant in ns, or until there is a reason to stop.

        Returns:
            Why it cannot go on, if there is no debugger to be told; `Stop.LIMIT` otherwise.
        """
        if self._stub and self._connection:
            self._send(self._stub.run(limit_ns))
            return Stop.LIMIT
        return self._target.run(limit_ns)

    def close(self) -> None:
        """Close the port and the connection."""
        self._listener.close()
        if self._connection:
            self._connection.close()

    def _accept(self) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stub = Stub(self._target, self._reset)
        self._came = True
        self._say("the debugger is here")

    def _part(self) -> None:
        """Let the debugger go; the program runs on, unless it was killed."""
        if self._connection:
            self._connection.close()
            self._connection = None
        self._target.release()
        if self._stub and not self.killed:
            self._stub = None
            self._say("the debugger has left")

    def _send(self, data: bytes) -> None:
        if self._connection and data:
            with contextlib.suppress(ConnectionError):  # the next read tells
                self._connection.sendall(data)
