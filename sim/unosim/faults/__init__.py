"""Faults as named options of a seeded plan, applied at the seams around the modem.

A `Plan` is a list of faults and a seed; it has a text form, which is what a failing run prints and what a
command line takes. An `Injection` is one run of it: it wraps the modem and the network, so that engine, board
and servers know nothing of it, and keeps a list of what has happened.

Rules: same plan, same seed, same run. Chance comes from `generator` alone, one generator a fault, so adding
a fault to a plan does not move the strokes of the others. Nothing here looks at a clock.

Who has an Uno lets `Injection.supply` look after its power; a module alone has none to cut.
"""

from unosim.faults.catalogue import (
    CATALOGUE,
    AbsentServer,
    BaudDrift,
    BootGarbage,
    BusyStorm,
    Cause,
    DnsFailure,
    DropByte,
    Fault,
    FlipBit,
    HalfAnswer,
    InsertByte,
    LinkClosed,
    LostAck,
    LostAnswer,
    LostRequest,
    Overrun,
    PowerCut,
    Refusal,
    Reset,
    Restart,
    SlowServer,
    TornEeprom,
    WifiLost,
    Wire,
)
from unosim.faults.injection import Happened, Injection
from unosim.faults.modem import FaultyModem
from unosim.faults.network import FaultyNetwork
from unosim.faults.plan import FaultError, Plan, generator, parse_fault
from unosim.faults.supply import Supply

__all__ = [
    "CATALOGUE",
    "AbsentServer",
    "BaudDrift",
    "BootGarbage",
    "BusyStorm",
    "Cause",
    "DnsFailure",
    "DropByte",
    "Fault",
    "FaultError",
    "FaultyModem",
    "FaultyNetwork",
    "FlipBit",
    "HalfAnswer",
    "Happened",
    "Injection",
    "InsertByte",
    "LinkClosed",
    "LostAck",
    "LostAnswer",
    "LostRequest",
    "Overrun",
    "Plan",
    "PowerCut",
    "Refusal",
    "Reset",
    "Restart",
    "SlowServer",
    "Supply",
    "TornEeprom",
    "WifiLost",
    "Wire",
    "generator",
    "parse_fault",
]
