r"""The input side of the AT dialogue of ESP-AT 2: a line machine that works on chunks.

Theory of operation. Where the 1.x firmware looks at bytes, ESP-AT looks at what one UART interrupt delivered.
`TRANSITIONS` says what each chunk brings about.

- IDLE collects chunks until one completes a line, which CR LF ends. The line must begin with `AT`, in any
  mixture of cases; a line that does not, an empty one, and one that is longer than the buffer are answered
  with one ERROR. What follows the CR LF in the same chunk is thrown away, and answered `busy p...` before the
  command runs. A NUL forgets what has been collected.
- PROCESSING lasts until the engine says `idle()`. Each chunk is answered `busy p...`, line feed or not, and
  one that contains the line `AT+RST` restarts the module.
- DATA counts as the 1.x machine does, but `+++` is data like any other. Surplus bytes are answered
  `busy p...`. There is no SENDING: the command is in PROCESSING until its verdict is out.
- PASS_THROUGH and DEAF are those of the 1.x machine.

What the table cannot hold: the engine's moves, as in `unosim.modem.line`. Echo: what IDLE takes is echoed up
to and including the CR LF; a chunk that only brings a `busy p...` is not.

Source: behaviour of the AT library of ESP-AT 2.2 for the ESP8266; what is left open there (the echo while
busy, an overlong line's end) is a default of ours.
"""

from collections.abc import Iterator

from unosim.modem.line import Effect, LineMachine, State, Symbol

_LINE_END = b"\r\n"
_PREFIX = b"AT"
_RESTART_LINE = b"AT+RST\r\n"
_NUL = b"\x00"

TRANSITIONS: dict[tuple[State, Symbol], tuple[State, Effect]] = {
    (State.IDLE, Symbol.BYTE): (State.IDLE, Effect.NONE),
    (State.IDLE, Symbol.NO_COMMAND): (State.IDLE, Effect.ERROR),
    (State.IDLE, Symbol.LINE_FEED): (State.PROCESSING, Effect.COMMAND),
    (State.PROCESSING, Symbol.CHUNK_END): (State.PROCESSING, Effect.BUSY_PROCESSING),
    (State.PROCESSING, Symbol.RESTART): (State.PROCESSING, Effect.FORCE_RESTART),
    (State.DATA, Symbol.BYTE): (State.DATA, Effect.NONE),
    (State.DATA, Symbol.LAST): (State.PROCESSING, Effect.DATA_COMPLETE),
    (State.PASS_THROUGH, Symbol.BYTE): (State.PASS_THROUGH, Effect.PASS_ON),
}


class EspatLineMachine(LineMachine):
    """Runs the table.

    Args:
        line_bytes: room for a line, its prefix and CR LF included.
    """

    TRANSITIONS = TRANSITIONS

    def __init__(self, line_bytes: int) -> None:
        super().__init__(line_bytes)
        self._overflown = False

    def feed(self, chunk: bytes) -> Iterator[tuple[Effect, bytes]]:
        """Take a chunk; yield the effects in order, echo among them. To be exhausted before the next call."""
        match self.state:
            case State.PASS_THROUGH:
                yield self._step(Symbol.BYTE), chunk
            case State.IDLE:
                yield from self._take_chunk(chunk)
            case State.DATA:
                yield from self._take_data_chunk(chunk)
            case State.PROCESSING:
                yield self._refuse(chunk)

    def _take_data_chunk(self, chunk: bytes) -> Iterator[tuple[Effect, bytes]]:
        taken, effect = self._take_data(chunk)
        if effect is Effect.NONE:
            return
        data = bytes(self._stored)
        if chunk[taken:]:
            yield self._refuse(chunk[taken:])
        if self.state is State.PROCESSING:
            yield effect, data

    def _refuse(self, chunk: bytes) -> tuple[Effect, bytes]:
        return self._step(Symbol.RESTART if _RESTART_LINE in chunk else Symbol.CHUNK_END), b""

    def _take_chunk(self, chunk: bytes) -> Iterator[tuple[Effect, bytes]]:
        """Collect a chunk; run the line if it completes one."""
        length = self._collect(chunk)
        if length < 0:
            yield Effect.ECHO, chunk
            self._step(Symbol.BYTE)
            return
        line = bytes(self._stored[: length + len(_LINE_END)])
        surplus_bytes = len(self._stored) - len(line)
        yield Effect.ECHO, chunk[: len(chunk) - surplus_bytes]
        if surplus_bytes:
            yield Effect.BUSY_PROCESSING, b""
        fits = not self._overflown and len(line) <= self._line_bytes
        self._forget()
        if fits and line[: len(_PREFIX)].upper() == _PREFIX:
            yield self._step(Symbol.LINE_FEED), line[len(_PREFIX) :]
        else:
            yield self._step(Symbol.NO_COMMAND), b""

    def _collect(self, chunk: bytes) -> int:
        """Store a chunk; return where the line ends, or -1. A NUL forgets what stands before it."""
        self._stored += chunk
        length = self._stored.find(_LINE_END)
        nul_at = self._stored.rfind(_NUL, 0, None if length < 0 else length)
        if nul_at >= 0:
            del self._stored[: nul_at + 1]
            self._overflown = False
            length = self._stored.find(_LINE_END)
        if length < 0 and len(self._stored) > self._line_bytes:
            self._overflown = True
            del self._stored[:-1]  # the last byte may be the CR of its end
        return length

    def _forget(self) -> None:
        self._stored.clear()
        self._overflown = False

    def _enter(self, state: State) -> None:
        super()._enter(state)
        if state is State.IDLE:
            self._stored = bytearray()
            self._overflown = False
