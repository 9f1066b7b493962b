"""A request on its way through the server, and what takes it."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from unoingest.front.head import Head


class Room(Protocol):
    """Hears when a piece of an answer has gone out, or never will; in the event loop."""

    def set(self) -> None:
        """Hear it."""


class Asker(Protocol):
    """Who waits for an answer. Everything but `is_gone` is for the event loop."""

    is_gone: bool
    """Nobody reads the answer any more."""

    def answer(self, data: bytes) -> None:
        """Send an answer, whole or what is left of it: the request is done."""

    def begin_piece(self, room: Room) -> Callable[[bytes], None]:
        """Return what sends a piece of an answer and then tells `room`; it may be made in any thread."""

    def cut(self, data: bytes) -> None:
        """End the connection in the middle of an answer; nothing is sent."""


class Request(msgspec.Struct, gc=False):
    """One request.

    Args:
        head: Its head.
        client: Address of the client.
        asker: Who waits.
        body: As far as it came and was kept.
        trouble: What is wrong with the body: late, cut off, too large.
        closes: The connection ends with the answer, which shall say so.
        early: Left here by who took pieces of it before it was complete.
    """

    head: Head
    client: str
    asker: Asker
    body: bytes = b""
    trouble: Exception | None = None
    closes: bool = False
    early: Any = None


class Taker(Protocol):
    """What becomes of requests; called in the event loop, and must not wait."""

    def take(self, request: Request) -> None:
        """Take a request that is complete, or of which no more will come; answer it some time."""

    def take_excess(self, request: Request, piece: bytes) -> None:
        """Take a piece of a body that is too large to be kept. Called before `take`."""

    def refuse(self, client: str, problem: Exception, *, is_for_head: bool) -> bytes:
        """Return the answer, which ends the connection, to what is no request, or no right HEAD."""
