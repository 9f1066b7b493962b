"""Runs the whole path for tests: the compiled image, the modem, and the real server, over either network."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unoingest.app import create_app
from unoingest.key_file import KeyFile, Kind, key_path
from unoingest.key_ring import KeyRing
from unoingest.store import SqliteStore
from unosim.board import Board, Image
from unosim.clock import NS_PER_S
from unosim.counters import Counters, read_counters
from unosim.faults import Happened, Injection, Plan
from unosim.lab import DEVICE, KEY, SERVER, make_modem, room_sensors, set_up_eeprom
from unosim.network import LoopbackNetwork, Peer, VirtualNetwork, WsgiPeer
from unosim.server_process import ServerProcess
from unosim.simulation import Simulation
from unosim.trace import Trace

POWER_ON_NS = 1_790_000_000 * NS_PER_S
"""The virtual network's server believes that the Uno was powered on in September 2026."""
LIMIT_S = 120
SSID = "unolink"
"""The network of the lab's access point."""
RAM_FILL = 0xA5
STACK_PAINT = 0xC5
RAM_END = 0x8FF


@dataclass(frozen=True)
class Run:
    """What is left of a run, to look at."""

    trace: Trace
    counters: Counters
    conversions: dict[int, int]
    stored: list[dict[str, Any]]
    log_lines: list[str]
    stack_free_bytes: int
    happened: list[Happened]


Travel = Callable[[int], Run]
"""Run the whole path from power-on until so many readings are acknowledged."""


@contextmanager
def virtual_simulation(
    image: Image,
    database: Path,
    emit: Callable[[bytes], object],
    *,
    wrap: Callable[[Peer], Peer] = lambda peer: peer,
    injection: Injection | None = None,
    trace: Trace | None = None,
    **settings: str,
) -> Iterator[Simulation]:
    """Join image, modem and the server's WSGI application, in this process and in simulated time.

    `emit` gets the server's log lines, `wrap` may put something between the network and each connection's
    server, `injection` says what goes wrong on the way, and `settings` are what the node is told besides.
    """
    register(database)
    store = SqliteStore(database)
    clocks: list[Simulation] = []
    application = create_app(
        store,
        keys=KeyRing(key_path(database)),
        clock_ns=lambda: POWER_ON_NS + clocks[0].now_ns,
        emit=emit,
    )
    network = VirtualNetwork({SERVER: lambda: wrap(WsgiPeer(application))})
    simulation = Simulation(
        Board(image.flash, eeprom=set_up_eeprom(image.flash, **settings), ram_fill=RAM_FILL),
        injection.modem(make_modem(), [SSID]) if injection else make_modem(),
        injection.network(network) if injection else network,
        trace=trace,
        analog=room_sensors(),
        supply=injection.supply() if injection else None,
    )
    clocks.append(simulation)
    try:
        yield simulation
    finally:
        store.close()


def virtual_run(
    image: Image,
    database: Path,
    readings: int,
    *,
    wrap: Callable[[Peer], Peer] = lambda peer: peer,
    plan: Plan | None = None,
    limit_s: float = LIMIT_S,
) -> Run:
    """Run until so many readings are acknowledged; `plan` says what goes wrong on the way.

    `limit_s` is how many simulated seconds that may take; the rest is as in `virtual_simulation`.
    """
    log_lines: list[str] = []
    injection = Injection(plan) if plan else None
    with virtual_simulation(
        image, database, lambda line: log_lines.append(line.decode()), wrap=wrap, injection=injection
    ) as simulation:
        run_until_acked(simulation, image, readings, limit_s=limit_s)
    return inspect(simulation, image, database, log_lines, injection.happened if injection else [])


def register(database: Path) -> None:
    """Give the lab's device its key."""
    KeyFile(key_path(database)).add(DEVICE, Kind.DEVICE, POWER_ON_NS, KEY)


def loopback_run(image: Image, database: Path, readings: int) -> Run:
    """Run against the server as a process, over real sockets."""
    register(database)
    with ServerProcess(database) as server, loopback_to(server) as network:
        simulation = Simulation(
            Board(image.flash, eeprom=set_up_eeprom(image.flash), ram_fill=RAM_FILL),
            make_modem(),
            network,
            analog=room_sensors(),
        )
        run_until_acked(simulation, image, readings)
        server.stop()
        log_lines = list(server.log_lines())
    return inspect(simulation, image, database, log_lines, [])


@contextmanager
def loopback_to(server: ServerProcess) -> Iterator[LoopbackNetwork]:
    network = LoopbackNetwork({SERVER: server.address})
    try:
        yield network
    finally:
        network.close()


def run_until_acked(simulation: Simulation, image: Image, readings: int, *, limit_s: float = LIMIT_S) -> None:
    acked = simulation.run(lambda: read_counters(simulation, image).acked >= readings, limit_s=limit_s)
    assert acked, f"only {read_counters(simulation, image)} after {limit_s} simulated seconds"


def inspect(
    simulation: Simulation, image: Image, database: Path, log_lines: list[str], happened: list[Happened]
) -> Run:
    listing = subprocess.run(
        [sys.executable, "-m", "unoingest", "readings", "--database", str(database), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Run(
        trace=simulation.trace,
        counters=read_counters(simulation, image),
        conversions=simulation.conversions,
        stored=[json.loads(line) for line in listing.stdout.splitlines()],
        log_lines=log_lines,
        stack_free_bytes=untouched_bytes(simulation.board, image),
        happened=happened,
    )


def untouched_bytes(board: Board, image: Image) -> int:
    """Return how many bytes between data and stack still have the paint of the image's start."""
    end_of_data = image.symbols["_end"].address
    ram = board.read_data(end_of_data, RAM_END + 1 - end_of_data)
    return next(index for index, byte in enumerate(ram) if byte != STACK_PAINT)


def without_date(data: bytes) -> bytes:
    """Blank the one header in which a real server's answers differ from run to run."""
    return re.sub(rb"(?i)(\r\ndate: )[^\r]*", lambda found: found[1] + b"#" * 29, data)
