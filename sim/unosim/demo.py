"""The whole path on one terminal: a compiled image, an emulated ESP-01, a real server with a real store.

Rules: the image under test is the one that is flashed. The server is a process of its own. At the end the
store is asked what it holds, and every reading that was acknowledged to the device must be there exactly
once, with the values that went over the wire. Anything else is an error, and so is a server that ends
before the demo does.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from unosim.attrace import Recorder
from unosim.board import Board, Image, ImageError, load_image
from unosim.cable import CableError
from unosim.clock import NS_PER_S
from unosim.console import Console
from unosim.counters import SYMBOL, read_counters
from unosim.lab import DEVICE, KEY, KEY_TEXT, MODULE, SERVER, make_modem, room_sensors, set_up_eeprom
from unosim.module_end import Watch
from unosim.network import LoopbackNetwork
from unosim.server_process import ServerError, ServerProcess
from unosim.signed import Post, answer_tag, parse_post, request_tag
from unosim.simulation import Simulation, SimulationError
from unosim.trace import Channel, Entry, Trace

SECONDS_TO_JOIN = 60
"""Simulated seconds that boot, Wi-Fi and the first connection may take."""
SECONDS_PER_READING = 10
"""Simulated seconds each reading may take before the demo gives up; the image takes one."""
WALL_SECONDS_MAX = 60
WALL_SECONDS_PER_READING = 1
"""Wall time that a demo may take: a server that hangs makes every look for its answer a long one."""

Identity = tuple[str, int, int]
"""Device, boot and sequence number of a reading."""

_TAG = re.compile(rb"(?i)\r\nUnolink-Tag: ([\w-]{22})\r\n")
_ACKNOWLEDGED = 204


class DemoError(Exception):
    """The demo could not be run or did not hold; `hint` says what to do."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Options:
    """What the person who runs the demo chose."""

    firmware: Path
    readings: int
    as_json: bool
    record: Path | None = None
    """Where the dialogue with the module is written, for `unosim replay`."""


@dataclass(frozen=True)
class Summary:
    """What came of it; simulated and wall time in seconds."""

    sampled: int
    acked: int
    stored: int
    simulated_s: float
    wall_s: float


def run_demo(options: Options) -> Summary:
    """Run the demo, print it, and check that nothing acknowledged was lost.

    Raises:
        DemoError: it could not be run, or a promise was broken.
        TraceError: the recording cannot be written.
    """
    console = Console(to_stderr=options.as_json)
    try:
        with tempfile.TemporaryDirectory(prefix="unolink-demo-") as folder:
            summary = _run(options, console, Path(folder) / "readings.db")
    except (ServerError, SimulationError) as error:
        raise DemoError(str(error), hint="the lines above show how far it came") from error
    _print_summary(summary, console, as_json=options.as_json)
    return summary


def _run(options: Options, console: Console, database: Path) -> Summary:
    image = _load(options.firmware)
    eeprom = _set_up(image)
    console.say(f"the Uno is told its Wi-Fi, its server, its name ({DEVICE}) and its key over the USB cable")
    _register(database)
    modem = make_modem()
    with ExitStack() as stack:
        recorder = None
        if options.record:
            recorder = stack.enter_context(Recorder(options.record, modem, MODULE))
        trace = Trace(_shown(console, recorder))
        server = stack.enter_context(ServerProcess(database))
        console.say(f"ingest server: process {server.pid} on {server.address[0]}:{server.address[1]}")
        network = LoopbackNetwork({SERVER: server.address})
        heard = recorder.network(network) if recorder else network
        simulation = Simulation(
            Board(image.flash, eeprom=eeprom), modem, heard, trace=trace, analog=room_sensors()
        )
        started_s = time.monotonic()
        wall_limit_s = WALL_SECONDS_MAX + WALL_SECONDS_PER_READING * options.readings

        def enough() -> bool:
            server.check()
            if time.monotonic() - started_s > wall_limit_s:
                raise ServerError(f"the ingest server hangs: no end in sight after {wall_limit_s} s")
            for line in server.log_lines():
                console.log(line)
            return read_counters(simulation, image).acked >= options.readings

        limit_s = SECONDS_TO_JOIN + SECONDS_PER_READING * options.readings
        finished = simulation.run(enough, limit_s=limit_s)
        wall_s = time.monotonic() - started_s
        network.close()
        server.stop()
        for line in server.log_lines():
            console.log(line)
    counters = read_counters(simulation, image)
    if not finished:
        raise DemoError(
            f"{counters.acked} of {options.readings} readings acknowledged in {limit_s} simulated seconds",
            hint=f"the server's last answer was {_last_answer(trace)}",
        )
    stored = _stored_readings(database)
    _check(trace, acked_by_device=counters.acked, stored=stored)
    return Summary(
        sampled=counters.sampled,
        acked=counters.acked,
        stored=len(stored),
        simulated_s=round(simulation.now_ns / NS_PER_S, 3),
        wall_s=round(wall_s, 3),
    )


def _shown(console: Console, recorder: Recorder | None) -> Watch:
    """Return what shows each entry, and records it if that was asked for."""
    if recorder is None:
        return console.show

    def watch(entry: Entry) -> None:
        console.show(entry)
        recorder.watch(entry)

    return watch


def _last_answer(trace: Trace) -> str:
    answers = [entry.data for entry in trace.entries if entry.channel is Channel.NET_RX]
    return repr(answers[-1].partition(b"\r\n")[0].decode("ascii", "replace")) if answers else "none"


def _load(firmware: Path) -> Image:
    try:
        image = load_image(firmware)
    except ImageError as error:
        raise DemoError(str(error), hint="build the firmware first: make firmware") from error
    if SYMBOL not in image.symbols:
        raise DemoError(
            f"{firmware} has no symbol {SYMBOL}, by which the demo counts",
            hint="use the ELF file of this project's firmware, not stripped",
        )
    return image


def _set_up(image: Image) -> bytes:
    try:
        return set_up_eeprom(image.flash)
    except CableError as error:
        raise DemoError(str(error), hint=error.hint) from error


def _register(database: Path) -> None:
    """Tell the server's own command which key the device has."""
    command = [sys.executable, "-m", "unoingest", "devices", "add", DEVICE, "--key-from-stdin"]
    done = subprocess.run(
        [*command, "--database", str(database)], input=KEY_TEXT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerError(f"the server does not take the key: {done.stderr.strip()}")


def _stored_readings(database: Path) -> list[dict[str, Any]]:
    """Ask the server's own command what its store holds."""
    command = [sys.executable, "-m", "unoingest", "readings", "--database", str(database), "--json"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    if listing.returncode:
        raise ServerError(f"the store cannot be read: {listing.stderr.strip()}")
    return [json.loads(line) for line in listing.stdout.splitlines()]


def acknowledged(trace: Trace) -> set[tuple[int, int]]:
    """Return (boot, seq) of every reading whose acknowledgement went over the UART to the device."""
    heard = set(_TAG.findall(trace.heard(Channel.ESP_TX)))
    return {
        identity[1:]
        for post in _posts(trace)
        if answer_tag(KEY, _ACKNOWLEDGED, post.tag).encode() in heard
        for identity in post.readings()
    }


def posted(trace: Trace) -> dict[Identity, dict[str, int]]:
    """Return the values of every reading that the device posted, by identity."""
    return {identity: values for post in _posts(trace) for identity, values in post.readings().items()}


def _posts(trace: Trace) -> list[Post]:
    """Return the requests that reached the network as the device had signed them."""
    posts = (parse_post(entry.data) for entry in trace.entries if entry.channel is Channel.NET_TX)
    return [post for post in posts if post and request_tag(KEY, post.device, post.body) == post.tag]


def _check(trace: Trace, *, acked_by_device: int, stored: list[dict[str, Any]]) -> None:
    """Hold what the device was told against what the store holds.

    Raises:
        DemoError: an acknowledged reading is missing, doubled or altered.
    """
    hint = "this is a defect of unolink: please report it with the output above"
    acks = acknowledged(trace)
    if acked_by_device != len(acks):
        raise DemoError(
            f"the device counts {acked_by_device} acknowledgements, the wire saw {len(acks)}", hint=hint
        )
    sent = posted(trace)
    rows = Counter((row["device"], row["boot"], row["seq"]) for row in stored)
    values = {(row["device"], row["boot"], row["seq"]): row["values"] for row in stored}
    for identity in sent:
        if identity[1:] in acks and rows[identity] != 1:
            raise DemoError(f"acknowledged reading {identity} is stored {rows[identity]} times", hint=hint)
        if identity in values and values[identity] != sent[identity]:
            raise DemoError(
                f"reading {identity} was sent as {sent[identity]}, stored as {values[identity]}", hint=hint
            )


def _print_summary(summary: Summary, console: Console, *, as_json: bool) -> None:
    ratio = summary.simulated_s / summary.wall_s
    console.say(
        f"{summary.sampled} readings sampled, {summary.acked} acknowledged, {summary.stored} stored; "
        f"{summary.simulated_s:.1f} simulated seconds in {summary.wall_s:.1f} s ({ratio:.0f} times real time)"
    )
    if as_json:
        click.echo(json.dumps(vars(summary)))
