"""Writes an `.attrace` file while a modem runs, whoever drives it.

The UART comes by way of `watch`, which a `Trace` or a `WiredModem` calls; the network by way of `network`,
which wraps the modem's network. Both are all that a recording needs, so a simulation is recorded with

    recorder = Recorder(path, modem, module)
    Simulation(board, modem, recorder.network(network), trace=Trace(recorder.watch))

Rules: bytes are gathered into lines, because secrets are found in lines; a line is written when it is
complete, so what has been written is whole even if the program is killed. Memory is bounded by
`LINE_BYTES_MAX` in each direction.

What it does not do: remember access points that come and go while it records; such a session cannot be
replayed.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import msgspec

from unosim.attrace.format import UART, VERSION, Header, Record, TraceError, network_record, uart_record
from unosim.attrace.meaning import meaning
from unosim.clock import NS_PER_S
from unosim.esp01 import Module
from unosim.faults import Plan
from unosim.masking import Masks
from unosim.modem import Modem, actions, events
from unosim.network.seam import Network
from unosim.trace import Channel, Entry
from unosim.uart import FRAME_BITS

LINE_BYTES_MAX = 8_192
"""Longer than anything in one piece on the UART; one `AT+CIPSEND` has 2,048 bytes at most."""
_PROMPT = b"> "


class _Line:
    """The bytes of one direction since its last line."""

    def __init__(
        self, channel: Channel, write: Callable[[Channel, list[tuple[int, int]], int], None]
    ) -> None:
        self._channel = channel
        self._write = write
        self._said: list[tuple[int, int]] = []
        self._data = bytearray()
        self._baud = 0

    def add(self, at_ns: int, byte: int, baud: int) -> None:
        """Add a byte; write the line that it completes."""
        if baud != self._baud:
            self.flush()
            self._baud = baud
        self._said.append((at_ns, byte))
        self._data.append(byte)
        if byte == 0x0A or self._data == _PROMPT or len(self._data) == LINE_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        if self._said:
            self._write(self._channel, self._said, self._baud)
        self._said, self._data = [], bytearray()


class Recorder:
    """Records one run of a modem from its power-on.

    Args:
        path: the file to write; what was in it is lost.
        modem: the modem, not powered yet.
        module: what the modem was made from.
        plan: what goes wrong at it, so that a replay lets it go wrong again.
        on_failure: told why, when what is recorded cannot be written any more: the recording then ends, and
            nothing else does. None to let that be a TraceError, too.

    Raises:
        TraceError: the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        modem: Modem,
        module: Module,
        plan: Plan | None = None,
        *,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self._path = path
        self._on_failure = on_failure
        self._has_failed = False
        self._masks = Masks()
        self._lines = {channel: _Line(channel, self._write_line) for channel in UART}
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise _unwritable(path, error) from error
        points = [replace(one, password=self._masks.of(one.password)) for one in module.access_points]
        flash = modem.settings.masked(self._masks.of)
        self._put(
            Header(
                attrace=VERSION,
                profile=module.profile.name,
                seed=module.seed,
                access_points=points,
                flash=flash,
                faults=str(plan or ""),
                fault_seed=plan.seed if plan else 0,
                welcoming=module.welcoming,
            )
        )

    def __enter__(self) -> Self:
        """Record."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Write what is left."""
        self.close()

    def watch(self, entry: Entry) -> None:
        """Take what was said on the UART; the network's side comes by way of `network`."""
        if entry.channel in self._lines:
            line = self._lines[entry.channel]
            for index, byte in enumerate(entry.data):
                line.add(entry.at_ns + index * FRAME_BITS * NS_PER_S // entry.baud, byte, entry.baud)

    def network(self, network: Network) -> Network:
        """Return a network that passes everything on to another one and records it."""
        return RecordedNetwork(network, self.record)

    def close(self) -> None:
        """Write what is left."""
        for line in self._lines.values():
            line.flush()
        with contextlib.suppress(OSError):  # told when it was written
            self._file.close()

    def record(self, channel: Channel, at_ns: int, what: actions.NetworkAction | events.NetworkEvent) -> None:
        """Take what the modem asked of its network, or what that has reported."""
        changes = {}
        if isinstance(what, actions.Send | events.Received):
            changes["data"] = self._masks.hide(what.data)
        self._put(network_record(channel, at_ns, what, **changes))

    def _write_line(self, channel: Channel, said: list[tuple[int, int]], baud: int) -> None:
        data = self._masks.hide(bytes(byte for _, byte in said))
        means = meaning(channel, data)
        self._put(uart_record(channel, said, baud, data.decode("latin-1"), means))

    def _put(self, line: Header | Record) -> None:
        if self._has_failed:
            return
        try:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
        except OSError as error:
            self._has_failed = True
            failure = _unwritable(self._path, error)
            if self._on_failure is None:
                raise failure from error
            self._on_failure(str(failure))


def _unwritable(path: Path, error: OSError) -> TraceError:
    return TraceError(
        f"cannot write {path}: {error.strerror}", hint="name a file on a disk with room, where you may write"
    )


class RecordedNetwork:
    """A network, and everything that passes between it and the modem."""

    def __init__(
        self,
        network: Network,
        record: Callable[[Channel, int, actions.NetworkAction | events.NetworkEvent], None],
    ) -> None:
        self._network = network
        self._record = record

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for."""
        self._record(Channel.NET_TX, now_ns, action)
        self._network.perform(action, now_ns)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event, or None if nothing is under way."""
        return self._network.next_deadline()

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order."""
        reported = self._network.poll(now_ns)
        for event in reported:
            self._record(Channel.NET_RX, now_ns, event)
        return reported
