"""The firmware's own counters, read from the simulated RAM by the symbol's name.

The image keeps them for a debugger and for us; nothing is sent for them and nothing in the image knows that
it is read. The layout is that of `unolink_counters` in the firmware: little-endian 32-bit numbers in this
order.
"""

import struct
from typing import NamedTuple

from unosim.board import Image
from unosim.simulation import Simulation

SYMBOL = "unolink_counters"


class Counters(NamedTuple):
    """What the device did since its reset."""

    sampled: int = 0
    acked: int = 0
    rejected: int = 0
    lost: int = 0
    retries: int = 0
    modem_resets: int = 0
    at_errors: int = 0


_LAYOUT = struct.Struct(f"<{len(Counters._fields)}I")


def read_counters(simulation: Simulation, image: Image) -> Counters:
    """Return the counters as they stand; zeros until the device has looked at a sensor for the first time.

    Before that the RAM may still hold what it held at power-on, and nothing has happened that could be
    counted.

    Args:
        simulation: what runs the image.
        image: our firmware, with its symbols.
    """
    if not simulation.conversions:
        return Counters()
    symbol = image.symbols[SYMBOL]
    return Counters._make(_LAYOUT.unpack(simulation.board.read_data(symbol.address, _LAYOUT.size)))
