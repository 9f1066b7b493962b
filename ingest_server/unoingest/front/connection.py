"""One connection: what arrives, what goes out, and how long it may take over either.

Rules:

* One request at a time. What comes behind it waits, unread, until the answer is on its way; a client that
  sends on gets no further than one piece of the socket's, and then its TCP window closes.
* An answer that the client does not take stops the requests behind it.
* Every state but `SERVING` has a time by which it must end. There is no timer: the front asks each
  connection once a second (`expire`), so that a request costs none.
* Where something of the client's is unread, the connection is not just closed: TCP would reset it, and
  the client might never see the answer (RFC 9112, section 9.6). It is closed in one direction, and what still
  comes is thrown away for LINGER_S.
* A client that has closed its sending side gets its answers.

What a request means is the taker's business (`unoingest.front.request`).
"""

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from unoingest.front.encoding import CONTINUE
from unoingest.front.head import Head
from unoingest.front.reader import RequestReader
from unoingest.front.request import Request, Room
from unoingest.front.states import ANSWER_S_MAX, HEAD_S_MAX, IDLE_S_MAX, LINGER_S, State
from unoingest.problems import BODY_TIMEOUT, INVALID_LENGTH, ProblemError
from unoingest.request_body import body_too_large

if TYPE_CHECKING:
    from unoingest.front.front import Front


class Connection(asyncio.Protocol):
    """Serves one client. For the event loop's thread alone, but for `is_gone` and `begin_piece`.

    Args:
        front: Its neighbours, its clock, and what takes its requests.
    """

    # some clients make a connection for each request
    __slots__ = (
        "_client",
        "_closes",
        "_due_s",
        "_front",
        "_has_ended",
        "_is_broken",
        "_is_full",
        "_is_paused",
        "_reader",
        "_request",
        "_room",
        "_state",
        "_transport",
        "is_gone",
    )

    def __init__(self, front: "Front") -> None:
        self._front = front
        self._reader = RequestReader()
        self._request: Request | None = None
        self._state = State.IDLE
        self._due_s = front.now_s + HEAD_S_MAX
        self._is_full = False
        self._is_paused = False
        self._has_ended = False
        self._closes = self._is_broken = False
        self._room: Room | None = None
        self._client = ""
        self.is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; see `asyncio.BaseProtocol`."""
        # of TCP; uvloop's is no subclass
        self._transport = cast("asyncio.Transport", transport)
        # who has gone already has no name any more
        self._client = str((transport.get_extra_info("peername") or ("",))[0])
        self._front.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        """End; see `asyncio.BaseProtocol`."""
        self.is_gone = True
        self._front.remove(self)
        if self._state is State.BODY:
            # nobody will read the answer, but the log shall name the request
            self._serve(_cut_off())
        self._state = State.CLOSING
        self._tell_room()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; see `asyncio.Protocol`."""
        state = self._state
        if state is State.LINGERING or state is State.CLOSING:
            return
        self._reader.receive(data)
        if state is State.SERVING or state is State.SENDING:
            self._is_paused = True
            self._transport.pause_reading()
        else:
            self._advance()

    def eof_received(self) -> bool:
        """Go on as long as there is something to answer; see `asyncio.Protocol`."""
        self._has_ended = True
        if self._state is State.BODY:
            self._serve(_cut_off())
        return self._state is State.SERVING or self._state is State.SENDING

    def pause_writing(self) -> None:
        """Hear that the client does not take what was written; see `asyncio.BaseProtocol`."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Hear that it has; see `asyncio.BaseProtocol`."""
        self._is_full = False
        if self._state is State.SENDING:
            self._go_on()
        elif self._room is not None:
            self._due_s = math.inf
            self._tell_room()

    def expire(self, now_s: float) -> None:
        """End what has taken too long."""
        if now_s < self._due_s:
            return
        if self._state is State.BODY:
            detail = "The body was not complete when the time for it was up"
            self._serve(ProblemError(BODY_TIMEOUT, detail))
        else:
            self.cut()

    def drain(self) -> None:
        """Serve what has begun, and nothing more."""
        if self._state is State.IDLE:
            self._close()

    def cut(self, data: bytes = b"") -> None:  # noqa: ARG002 - called as `answer` is
        """End at once; see `unoingest.front.request.Asker`."""
        self.is_gone = True
        self._transport.abort()

    def answer(self, data: bytes) -> None:
        """Send an answer, or the rest of one; see `unoingest.front.request.Asker`."""
        if not self.is_gone:
            self._transport.write(data)
            self._answered()

    def begin_piece(self, room: Room) -> Callable[[bytes], None]:
        """Return what sends a piece; see `unoingest.front.request.Asker`."""

        def send(data: bytes) -> None:
            self._room = room
            if not self.is_gone:
                self._transport.write(data)
            if self._is_full and not self.is_gone:
                self._due_s = self._front.now_s + ANSWER_S_MAX
            else:
                self._tell_room()

        return send

    def _advance(self) -> None:
        """Read on as far as there is something to read."""
        reader = self._reader
        try:
            is_complete = reader.advance(self._on_excess)
        except ProblemError as problem:
            self._refuse(problem)
            return
        if is_complete:
            self._serve(body_too_large() if reader.is_too_large else None)
        elif self._has_ended:
            self._close() if reader.head is None else self._serve(_cut_off())
        elif reader.head is None:
            self._await_head()
        elif self._state is not State.BODY:
            self._await_body(reader.head)

    def _await_head(self) -> None:
        state = State.HEAD if self._reader.has_unread else State.IDLE
        if state is State.IDLE and self._front.is_draining:
            self._close()
        elif state is not self._state:
            self._state = state
            self._due_s = self._front.now_s + (HEAD_S_MAX if state is State.HEAD else IDLE_S_MAX)

    def _await_body(self, head: Head) -> None:
        self._state = State.BODY
        self._due_s = self._front.now_s + self._front.body_s_max
        if head.expects_continue:
            self._transport.write(CONTINUE)

    def _on_excess(self, piece: bytes) -> None:
        if self._request is None:
            self._request = self._new_request()
        self._front.taker.take_excess(self._request, piece)

    def _new_request(self) -> Request:
        assert self._reader.head is not None  # noqa: S101 - there is no body without a head
        return Request(self._reader.head, self._client, self)

    def _serve(self, trouble: Exception | None) -> None:
        """Hand the request on: it is complete, or `trouble` says why it never will be."""
        request = self._request or self._new_request()
        self._request = None
        reader = self._reader
        request.body = reader.body
        request.trouble = trouble
        # behind a body that was not read to its end nothing can be found
        is_broken = reader.is_cut or not (trouble is None or reader.is_too_large)
        self._is_broken = is_broken
        self._closes = request.closes = is_broken or not request.head.keeps or self._front.is_draining
        self._state = State.SERVING
        self._due_s = math.inf
        self._front.taker.take(request)

    def _refuse(self, problem: ProblemError) -> None:
        self._closes = self._is_broken = True
        self.answer(self._front.taker.refuse(self._client, problem, is_for_head=self._reader.is_for_head))

    def _answered(self) -> None:
        self._room = None
        if self._is_full:
            self._state = State.SENDING
            self._due_s = self._front.now_s + ANSWER_S_MAX
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Turn to the next request, or end."""
        if self._closes:
            self._close()
            return
        self._reader.begin_next()
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        if self._reader.has_unread or self._has_ended or self._front.is_draining:
            self._state = State.HEAD
            self._due_s = self._front.now_s + HEAD_S_MAX
            self._advance()
        else:
            self._state = State.IDLE
            self._due_s = self._front.now_s + IDLE_S_MAX

    def _close(self) -> None:
        if (self._is_broken or self._reader.has_unread) and not self._has_ended:
            self._state = State.LINGERING
            self._due_s = self._front.now_s + LINGER_S
            if self._is_paused:
                self._is_paused = False
                self._transport.resume_reading()
            self._transport.write_eof()
        else:
            self._state = State.CLOSING
            self._due_s = self._front.now_s + ANSWER_S_MAX
            self._transport.close()

    def _tell_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.set()


def _cut_off() -> ProblemError:
    return ProblemError(INVALID_LENGTH, "The connection ended before the body did")
