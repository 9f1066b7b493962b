"""Recorded AT sessions: `.attrace` files, their replay, and their export for logic analyser software.

- `format`: the file, JSON lines that people can read and edit;
- `recorder`: writes one while a front or a simulation runs;
- `session`: keeps a run in memory until somebody wants the file;
- `replay`: gives the host's bytes and the network's events to a fresh modem and finds the first difference;
- `vcd`: the two UART lines, bit by bit.
"""

from unosim.attrace.format import Header, Recording, TraceError, load
from unosim.attrace.recorder import Recorder
from unosim.attrace.replay import Difference, replay
from unosim.attrace.session import Session
from unosim.attrace.vcd import export

__all__ = [
    "Difference",
    "Header",
    "Recorder",
    "Recording",
    "Session",
    "TraceError",
    "export",
    "load",
    "replay",
]
