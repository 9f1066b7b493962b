"""Writes what the doctor said and heard as an `.attrace` file, to be attached to a report."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from unosim.attrace import Header, TraceError
from unosim.attrace.format import VERSION, uart_record
from unosim.attrace.meaning import meaning
from unosim.clock import NS_PER_S
from unosim.masking import Masks
from unosim.modem import NONOS_1_7_4
from unosim.trace import Entry
from unosim.uart import FRAME_BITS


def write_trace(path: Path, entries: Iterable[Entry]) -> None:
    """Write a file; the module's version stands in what it answered, not in the header.

    Raises:
        TraceError: the file cannot be written.
    """
    masks = Masks()
    header = Header(attrace=VERSION, profile=NONOS_1_7_4.name, seed=0, access_points=[])
    lines = [msgspec.json.encode(header)]
    for entry in entries:
        data = masks.hide(entry.data)
        frame_ns = FRAME_BITS * NS_PER_S // entry.baud
        said = [(entry.at_ns + index * frame_ns, byte) for index, byte in enumerate(data)]
        record = uart_record(
            entry.channel, said, entry.baud, data.decode("latin-1"), meaning(entry.channel, data)
        )
        lines.append(msgspec.json.encode(record))
    try:
        path.write_bytes(b"\n".join(lines) + b"\n")
    except OSError as error:
        raise TraceError(
            f"cannot write {path}: {error.strerror}", hint="name a file in a folder you may write to: --trace"
        ) from error
