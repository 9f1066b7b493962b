"""The `.attrace` file: JSON lines in UTF-8, a header and then what happened, each with its instant.

Bytes are texts in which each character is one byte (Latin-1), so AT dialogues read as they are and nothing is
lost. Lines of the UART carry the sender's rate, and where the bytes did not leave back to back, the time
between them. Instants are ns since power-on, of the UART as `unosim.trace` defines them. Lines may be out of
order: a line of the UART is written when it is complete.

Rules: `VERSION` rises when an old reader would misread a new file. Unknown fields are ignored. Secrets never
get here: the recorder masks them.
"""

import itertools
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from unosim.clock import NS_PER_S
from unosim.errors import UserError
from unosim.esp01 import Module
from unosim.faults import FaultError, Plan
from unosim.modem import PROFILES, AccessPoint, ModemError, Settings, actions, events
from unosim.trace import Channel
from unosim.uart import FRAME_BITS

VERSION = 1
UART = (Channel.UNO_TX, Channel.ESP_TX)
"""The channels of the wire; the others are those of the network."""
TRACE_BYTES_MAX = 256 << 20
"""A file beyond this is not a session that anyone replays; an hour of a busy 115200 line makes 60 MB."""
BACK_TO_BACK_NS = 100
"""Bytes that are this near to leaving back to back are said to. The shortest bit is twice as long."""

_Kind = TypeVar("_Kind", "Header", "Record")
_BYTES = "latin-1"
_ACTIONS: dict[str, Any] = {one.__name__: one for one in typing.get_args(actions.NetworkAction)}
_EVENTS: dict[str, Any] = {one.__name__: one for one in typing.get_args(events.NetworkEvent)}


class TraceError(UserError):
    """A recording cannot be read or written."""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line: the module that was recorded, its passwords masked."""

    attrace: int
    profile: str
    seed: int
    access_points: list[AccessPoint]
    flash: Settings = msgspec.field(default_factory=Settings)
    """What its flash held at power-on."""
    faults: str = ""
    """The text of the plan of faults it suffered from; a replay lets those of the module strike again."""
    fault_seed: int = 0
    welcoming: bool = False
    """Whether it joined whatever it was told to (`Module.welcoming`)."""

    @property
    def plan(self) -> Plan:
        """Return the plan of faults.

        Raises:
            TraceError: this version of unosim does not know one of them.
        """
        try:
            return Plan.parse(self.faults, seed=self.fault_seed)
        except FaultError as error:
            raise TraceError(
                f"recorded with faults that are not known here: {error}",
                hint="use the version of unolink that recorded it",
            ) from error

    @property
    def module(self) -> Module:
        """Return the module that was recorded.

        Raises:
            TraceError: this version of unosim does not know its profile.
        """
        if self.profile not in PROFILES:
            raise TraceError(
                f"recorded with profile {self.profile!r}, which is not known here",
                hint=f"there are: {', '.join(sorted(PROFILES))}",
            )
        return Module(PROFILES[self.profile], tuple(self.access_points), self.seed, self.welcoming)


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Any other line: bytes on the UART, or a request to the network, or what the network reports."""

    t: int
    """The instant in ns; of several bytes, that of the first."""
    ch: Channel
    text: str = ""
    baud: int = 0
    gaps: list[int] = []
    """From each byte to the next in ns; empty for bytes that leave back to back."""
    means: str = ""
    """What people read; a replay does not."""
    do: str = ""
    """The name of a request or a report, the rest of which is in `args`."""
    args: dict[str, Any] = {}

    @property
    def data(self) -> bytes:
        """Return the bytes."""
        return self.text.encode(_BYTES)

    def instants(self) -> Iterator[int]:
        """Return the instant in ns of each byte."""
        at_ns = self.t
        for index in range(len(self.text)):
            if self.gaps:
                yield at_ns
                at_ns += self.gaps[index] if index < len(self.gaps) else 0
            else:
                yield self.t + index * FRAME_BITS * NS_PER_S // self.baud

    def action(self) -> actions.NetworkAction:
        """Return the request to the network."""
        action: actions.NetworkAction = self._made(_ACTIONS[self.do])
        return action

    def event(self) -> events.NetworkEvent:
        """Return the report of the network."""
        event: events.NetworkEvent = self._made(_EVENTS[self.do])
        return event

    def _made(self, kind: Any) -> Any:
        fields = {
            name: value.encode(_BYTES) if hint is bytes and isinstance(value, str) else value
            for name, hint in typing.get_type_hints(kind).items()
            if (value := self.args.get(name)) is not None
        }
        return msgspec.convert(fields, kind, builtin_types=(bytes,))


class Recording(NamedTuple):
    """A whole file, its lines in the order of their instants."""

    header: Header
    records: list[Record]


def uart_record(channel: Channel, said: list[tuple[int, int]], baud: int, text: str, means: str) -> Record:
    """Return the line for bytes on the UART.

    Args:
        channel: the direction.
        said: (instant in ns, byte) of each.
        baud: the sender's rate in bits per second.
        text: the bytes, masked.
        means: what they are.
    """
    first_ns = said[0][0]
    even = all(
        abs(at_ns - first_ns - index * FRAME_BITS * NS_PER_S // baud) <= BACK_TO_BACK_NS
        for index, (at_ns, _) in enumerate(said)
    )
    gaps = [] if even else [after[0] - before[0] for before, after in itertools.pairwise(said)]
    return Record(t=first_ns, ch=channel, text=text, baud=baud, gaps=gaps, means=means)


def network_record(
    channel: Channel, at_ns: int, what: actions.NetworkAction | events.NetworkEvent, **changes: bytes
) -> Record:
    """Return the line for a request or a report; `changes` replaces fields by masked ones."""
    fields: dict[str, Any] = msgspec.to_builtins(what, builtin_types=(bytes,)) | changes
    args = {
        name: value.decode(_BYTES) if isinstance(value, bytes) else value for name, value in fields.items()
    }
    return Record(t=at_ns, ch=channel, do=type(what).__name__, args=args)


def load(path: Path) -> Recording:
    """Return a recording.

    Raises:
        TraceError: the file cannot be read, or is no recording that this version understands.
    """
    try:
        if path.stat().st_size > TRACE_BYTES_MAX:
            raise TraceError(
                f"{path} has more than {TRACE_BYTES_MAX >> 20} MB", hint="cut it: the first line and a part"
            )
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TraceError(
            f"cannot read {path}: {error.strerror}", hint="name a file made with --record"
        ) from error
    if not lines:
        raise TraceError(f"{path} is empty", hint="name a file made with --record")
    header = _parse(path, 1, lines[0], Header)
    if header.attrace != VERSION:
        raise TraceError(
            f"{path} has format {header.attrace}; this program reads {VERSION}",
            hint="use the version of unolink that recorded it",
        )
    records = [_parse(path, number, line, Record) for number, line in enumerate(lines[1:], 2) if line.strip()]
    return Recording(header, sorted(records, key=lambda record: record.t))


def _parse(path: Path, number: int, line: bytes, kind: type[_Kind]) -> _Kind:
    """Return a line, checked for everything that a reader of it relies on."""
    try:
        parsed = msgspec.json.decode(line, type=kind)
        if isinstance(parsed, Record):
            _check(parsed)
    except (msgspec.MsgspecError, UnicodeError, ModemError, ValueError) as error:
        raise TraceError(
            f"{path}:{number}: {error}", hint="repair or remove the line; the format is in attrace/format.py"
        ) from error
    return parsed


def _check(record: Record) -> None:
    """Refuse a line that says too little or what cannot be.

    Raises:
        ValueError: the line, in words.
    """
    if record.ch in UART:
        if not record.text or record.baud < 1:
            raise ValueError("bytes on the UART need a text and a baud")
        if record.gaps and (len(record.gaps) != len(record.text) - 1 or min(record.gaps) < 0):
            raise ValueError("gaps are the times between the bytes, one fewer than there are bytes")
        record.data  # noqa: B018  # a character beyond Latin-1 is no byte
    elif record.do not in (_ACTIONS if record.ch is Channel.NET_TX else _EVENTS):
        raise ValueError(f"{record.do!r} is nothing that happens on {record.ch.value}")
    elif record.ch is Channel.NET_TX:
        record.action()
    else:
        record.event()
