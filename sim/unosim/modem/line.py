r"""The input side of the AT dialogue: from chunks of UART bytes to command lines, send data and complaints.

Theory of operation. A chunk is what one UART interrupt delivered; `Chunker` forms it. The line machine takes
a chunk byte by byte. Each byte is first classed as one `Symbol` by what it completes in the present state,
then the table `TRANSITIONS` gives the next state and one `Effect`.

- IDLE looks for the prefix `AT` or `at` in the last two bytes, whatever stood before it. A line feed found
  here is answered with ERROR, so a blank line or a line of garbage costs exactly one.
- RECEIVING stores what follows the prefix. When the buffer is full the machine goes back to IDLE without a
  word; the line feed that ends the overlong line then gets the ERROR.
- PROCESSING lasts until the engine says `idle()`. Text is thrown away, each line feed is answered `busy
  p...`, and the bytes `AT+RST\r\n` in a row restart the module.
- DATA counts what `AT+CIPSEND` announced. A chunk that is exactly `+++` cancels. There is no timeout. For
  `AT+CIPSENDEX` a backslash before `0` ends the data early, and before another backslash stands for one;
  before anything else it is a plain byte.
- SENDING waits for the peer's acknowledgement. Each chunk, or rest of a chunk, is answered `busy s...` once;
  a chunk that is exactly `AT+RST\r\n` restarts.
- PASS_THROUGH hands on every chunk as it is; whoever gets it looks for the `+++` that ends it.
- DEAF is the time of the boot and of deep sleep: nothing listens.

What the table cannot hold: `expect`, `pass_through`, `idle` and `deafen` are the engine's moves. The symbols
for whole chunks (CANCEL, RESTART in SENDING) are recognised before the bytes are looked at. Echo: every byte
that arrives in a state of `ECHOING` is echoed before it has an effect.

Source: behaviour of the AT library in the Espressif NONOS SDK 3.0.4; the published AT v0.20 source has nearly
the same machine.
"""

import enum
from collections.abc import Iterator, Mapping
from typing import ClassVar

_RESTART_LINE = b"AT+RST\r\n"
_CANCEL_CHUNK = b"+++"
_PREFIXES = (b"AT", b"at")
_LF = ord("\n")
_BACKSLASH = ord("\\")
_END_OF_DATA = ord("0")


class State(enum.Enum):
    """What the machine takes the next byte for."""

    DEAF = enum.auto()
    IDLE = enum.auto()
    RECEIVING = enum.auto()
    PROCESSING = enum.auto()
    DATA = enum.auto()
    SENDING = enum.auto()
    PASS_THROUGH = enum.auto()


class Symbol(enum.Enum):
    """What a byte, or a whole chunk, completes."""

    BYTE = "nothing"
    LINE_FEED = "a line"
    PREFIX = "the two letters AT"
    OVERFLOW = "the buffer, without being a line feed"
    RESTART = "the line AT+RST"
    LAST = "the send data"
    CANCEL = "a chunk of three plus signs"
    CHUNK_END = "a chunk"
    NO_COMMAND = "a line that is no command"


class Effect(enum.Enum):
    """What the engine is to do; the bytes that go with it in brackets."""

    NONE = enum.auto()
    ECHO = enum.auto()  # (bytes to echo)
    ERROR = enum.auto()
    COMMAND = enum.auto()  # (line behind the prefix, LF included)
    BUSY_PROCESSING = enum.auto()
    BUSY_SENDING = enum.auto()
    FORCE_RESTART = enum.auto()
    DATA_COMPLETE = enum.auto()  # (the data)
    SEND_CANCELLED = enum.auto()
    PASS_ON = enum.auto()  # (the chunk)


TRANSITIONS: dict[tuple[State, Symbol], tuple[State, Effect]] = {
    (State.IDLE, Symbol.BYTE): (State.IDLE, Effect.NONE),
    (State.IDLE, Symbol.LINE_FEED): (State.IDLE, Effect.ERROR),
    (State.IDLE, Symbol.PREFIX): (State.RECEIVING, Effect.NONE),
    (State.RECEIVING, Symbol.BYTE): (State.RECEIVING, Effect.NONE),
    (State.RECEIVING, Symbol.OVERFLOW): (State.IDLE, Effect.NONE),
    (State.RECEIVING, Symbol.LINE_FEED): (State.PROCESSING, Effect.COMMAND),
    (State.PROCESSING, Symbol.BYTE): (State.PROCESSING, Effect.NONE),
    (State.PROCESSING, Symbol.LINE_FEED): (State.PROCESSING, Effect.BUSY_PROCESSING),
    (State.PROCESSING, Symbol.RESTART): (State.PROCESSING, Effect.FORCE_RESTART),
    (State.DATA, Symbol.BYTE): (State.DATA, Effect.NONE),
    (State.DATA, Symbol.LAST): (State.SENDING, Effect.DATA_COMPLETE),
    (State.DATA, Symbol.CANCEL): (State.IDLE, Effect.SEND_CANCELLED),
    (State.SENDING, Symbol.BYTE): (State.SENDING, Effect.NONE),
    (State.SENDING, Symbol.CHUNK_END): (State.SENDING, Effect.BUSY_SENDING),
    (State.SENDING, Symbol.RESTART): (State.PROCESSING, Effect.FORCE_RESTART),
    (State.PASS_THROUGH, Symbol.BYTE): (State.PASS_THROUGH, Effect.PASS_ON),
}
ECHOING = frozenset({State.IDLE, State.RECEIVING, State.PROCESSING, State.SENDING})

_STORING = frozenset({State.RECEIVING, State.DATA})
_EFFECTS_WITH_BYTES = frozenset({Effect.COMMAND, Effect.DATA_COMPLETE})


class LineMachine:
    """Runs the table.

    Args:
        line_bytes: room for a command behind its prefix, CR LF included.
    """

    TRANSITIONS: ClassVar[Mapping[tuple[State, Symbol], tuple[State, Effect]]] = TRANSITIONS

    def __init__(self, line_bytes: int) -> None:
        self.state = State.DEAF
        self._line_bytes = line_bytes
        self._stored = bytearray()
        self._recent = bytearray()
        self._expected = 0
        self._escaped = False
        self._after_backslash = False

    def idle(self) -> None:
        """Wait for a command: one has ended, or the module has booted."""
        self._enter(State.IDLE)

    def deafen(self) -> None:
        """Listen to nothing until `idle`."""
        self._enter(State.DEAF)

    def pass_through(self) -> None:
        """Hand every chunk on, until `idle`."""
        self._enter(State.PASS_THROUGH)

    def expect(self, count: int, *, escaped: bool) -> None:
        """Take the next `count` bytes (1 or more) for send data, counted after the escapes are resolved."""
        self._enter(State.DATA)
        self._expected, self._escaped, self._after_backslash = count, escaped, False

    def feed(self, chunk: bytes) -> Iterator[tuple[Effect, bytes]]:
        """Take a chunk; yield the effects in order, echo among them. To be exhausted before the next call."""
        if self.state is State.PASS_THROUGH:
            yield self._step(Symbol.BYTE), chunk
            return
        whole = self._whole_chunk_symbol(chunk)
        if whole:
            if self.state in ECHOING:
                yield Effect.ECHO, chunk
            yield self._step(whole), b""
            return
        refused = False
        while chunk and self.state is not State.DEAF:
            refused = self.state is State.SENDING
            if self.state is State.DATA:
                taken, effect = self._take_data(chunk)
            else:
                taken, effect = self._take_text(chunk)
                yield Effect.ECHO, chunk[:taken]
            chunk = chunk[taken:]
            if effect is not Effect.NONE:
                yield effect, bytes(self._stored) if effect in _EFFECTS_WITH_BYTES else b""
        if refused and self.state is State.SENDING:
            yield self._step(Symbol.CHUNK_END), b""

    def _take_data(self, chunk: bytes) -> tuple[int, Effect]:
        """Store what belongs to the send; return its length and what it brings about."""
        if self._escaped:
            return self._take_escaped_data(chunk)
        taken = min(len(chunk), self._expected - len(self._stored))
        self._stored += chunk[:taken]
        return taken, self._step(Symbol.LAST if len(self._stored) == self._expected else Symbol.BYTE)

    def _take_escaped_data(self, chunk: bytes) -> tuple[int, Effect]:
        for taken, byte in enumerate(chunk, 1):
            if byte == _BACKSLASH and not self._after_backslash:
                self._after_backslash = True
                continue
            if self._after_backslash and byte == _END_OF_DATA:
                return taken, self._step(Symbol.LAST)
            if self._after_backslash and byte != _BACKSLASH:
                self._stored.append(_BACKSLASH)
            self._after_backslash = False
            self._stored.append(byte)
            if len(self._stored) >= self._expected:
                del self._stored[self._expected :]
                return taken, self._step(Symbol.LAST)
        return len(chunk), self._step(Symbol.BYTE)

    def _take_text(self, chunk: bytes) -> tuple[int, Effect]:
        """Take bytes up to the first that brings something about; return their number and what that is."""
        for taken, byte in enumerate(chunk, 1):
            effect = self._step(self._class_of(byte))
            if effect is not Effect.NONE:
                return taken, effect
        return len(chunk), Effect.NONE

    def _whole_chunk_symbol(self, chunk: bytes) -> Symbol | None:
        if self.state is State.DATA and chunk == _CANCEL_CHUNK:
            return Symbol.CANCEL
        if self.state is State.SENDING and chunk == _RESTART_LINE:
            return Symbol.RESTART
        return None

    def _class_of(self, byte: int) -> Symbol:
        """Say what a byte completes in the present state, and keep it if that state stores."""
        if self.state is State.SENDING:
            return Symbol.BYTE
        if self.state is State.RECEIVING:
            self._stored.append(byte)
            if byte == _LF:
                return Symbol.LINE_FEED
            return Symbol.OVERFLOW if len(self._stored) >= self._line_bytes else Symbol.BYTE
        self._recent.append(byte)
        del self._recent[: -len(_RESTART_LINE)]
        if byte == _LF:
            restart = self.state is State.PROCESSING and self._recent == _RESTART_LINE
            return Symbol.RESTART if restart else Symbol.LINE_FEED
        prefix = self.state is State.IDLE and self._recent.endswith(_PREFIXES)
        return Symbol.PREFIX if prefix else Symbol.BYTE

    def _step(self, symbol: Symbol) -> Effect:
        state, effect = self.TRANSITIONS[self.state, symbol]
        if state is not self.state:
            self._enter(state)
        return effect

    def _enter(self, state: State) -> None:
        self.state = state
        self._recent = bytearray()
        if state in _STORING:
            self._stored = bytearray()
