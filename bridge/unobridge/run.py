"""The command `unobridge run`: plays the ESP-01 for every board that is wanted, until Ctrl-C."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from unobridge.baud import BaudFinder
from unobridge.console import LiveConsole
from unobridge.errors import UsageError, check_writable, reported
from unobridge.gateway_cli import gateway_options, make_plan, metrics_at
from unobridge.metrics import Figures
from unobridge.options import option
from unobridge.outlets import Outlets
from unobridge.ports import Wanted, check_named, choose
from unobridge.session import Port, Session, Watch, make_modem, make_module
from unobridge.signals import stopping_on_signals
from unobridge.targets import (
    Address,
    GuardedNetwork,
    Targets,
    parse_allowed,
    parse_routes,
    parse_target,
)
from unobridge.telling import tell
from unobridge.worker import Worker
from unosim.attrace import Recorder, TraceError
from unosim.modem import NONOS_1_7_4, PROFILES, Profile
from unosim.network.seam import Network
from unosim.network.sockets import SocketNetwork
from unosim.network.tls import Tls
from unosim.trace import Entry

JOIN_WAIT_S = 5.0
HTTPS_PORT = 443


@dataclass(frozen=True)
class Show:
    """How sessions are shown and kept."""

    quiet: bool = False
    as_json: bool = False
    wall: bool = False
    record: Path | None = None


class Sessions:
    """Makes the sessions of all boards.

    Args:
        profile: the firmware to be played.
        targets: what may be reached.
        tls: whom TLS connections trust.
        gateway: where the gateway of this process listens, if there is one.
        show: how sessions are shown and kept.
    """

    def __init__(
        self, profile: Profile, targets: Targets, tls: Tls, gateway: Address | None, show: Show
    ) -> None:
        self._profile = profile
        self._targets = targets
        self._tls = tls
        self._gateway = gateway
        self._show = show
        self._recordings = 0
        self._lock = threading.Lock()

    def make(self, port: Port, finder: BaudFinder | None, baud: int, label: str) -> Session:
        """Return a session on an open port."""
        watches: list[Watch] = []
        if not self._show.quiet:
            console = LiveConsole(label, as_json=self._show.as_json, wall=self._show.wall)
            watches.append(console.show)
        recorder = self._recorder(baud)
        if recorder:
            watches.append(recorder.watch)

        def watch(entry: Entry) -> None:
            for one in watches:
                one(entry)

        def wrap(network: Network) -> Network:
            guarded = GuardedNetwork(network, self._targets, self._gateway)
            return recorder.network(guarded) if recorder else guarded

        return Session(
            port,
            self._profile,
            finder=finder,
            baud=baud,
            network=lambda room: SocketNetwork(None, room, tls=self._tls, tell=tell),
            wrap=wrap,
            watch=watch if watches else None,
            on_end=recorder.close if recorder else lambda: None,
        )

    def _recorder(self, baud: int) -> Recorder | None:
        """Return a recorder for the next session, with a file of its own; the first is the one named."""
        if self._show.record is None:
            return None
        with self._lock:
            self._recordings += 1
            number = self._recordings
        named = self._show.record
        path = named if number == 1 else named.with_stem(f"{named.stem}-{number}")
        try:
            modem, module = make_modem(self._profile, baud), make_module(self._profile)
            return Recorder(path, modem, module, on_failure=_tell_unrecorded)
        except TraceError as error:
            _tell_unrecorded(str(error))
            return None


def _tell_unrecorded(why: str) -> None:
    tell(f"{why}: the board is served without a recording")


def serve(workers: list[Worker], *, wait: bool) -> None:
    """Open every port, then serve all until SIGINT (Ctrl-C) or SIGTERM.

    Args:
        workers: whom to let work.
        wait: whether boards may come later.

    Raises:
        PortError: a port cannot be opened, and is not to be waited for.
    """
    with ExitStack() as stack:
        opened: list[Port | None] = []
        for worker in workers:
            port = None if wait else worker.open()
            opened.append(port)
            if port:
                stack.callback(port.close)
        is_to_end = stack.enter_context(stopping_on_signals())
        threads = [
            threading.Thread(target=worker.run, args=[port], name=f"serve {worker.name}")
            for worker, port in zip(workers, opened, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            while not is_to_end():
                if not any(thread.is_alive() for thread in threads):
                    raise RuntimeError("every worker has ended by itself")
        finally:
            for worker in workers:
                worker.stop()
            for thread in threads:
                thread.join(JOIN_WAIT_S)


@click.command()
@option(
    "--port",
    "ports",
    multiple=True,
    help="A serial port or a pySerial URL; repeatable.  [default: every Uno on USB]",
)
@option("--wait", is_flag=True, help="Wait for the --port if it is not there yet, instead of giving up.")
@option(
    "--baud",
    type=click.IntRange(300, 5_000_000),
    help="The board's rate in bits per second.  [default: the one at which it makes sense]",
)
@option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    default=NONOS_1_7_4.name,
    show_default=True,
    help="The AT firmware to be played.",
)
@option(
    "--allow",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Let the board reach this and nothing else; repeatable.",
)
@option(
    "--route",
    multiple=True,
    metavar="HOST:PORT=HOST:PORT",
    help="What the board asks for, and where that really is; repeatable.",
)
@option(
    "--upgrade",
    multiple=True,
    metavar="HOST:PORT[=HOST:PORT]",
    help="Reach this plain-HTTP target over TLS, at port 443 or where it really is; repeatable.",
)
@option(
    "--record", type=click.Path(path_type=Path), help="Write the session to an .attrace file, secrets masked."
)
@option("--json", "as_json", is_flag=True, help="Show the session as JSON lines.")
@option("--wall", is_flag=True, help="Show the time of day instead of seconds since the port was opened.")
@option("--quiet", is_flag=True, help="Do not show the session.")
@option(
    "--gateway",
    metavar="NAME:PORT",
    help="Be the server of this name and port for the board: keep readings on disk and pass them on.",
)
@gateway_options
def run(  # a command line has many options
    *,
    ports: tuple[str, ...],
    wait: bool,
    baud: int | None,
    profile: str,
    allow: tuple[str, ...],
    route: tuple[str, ...],
    upgrade: tuple[str, ...],
    record: Path | None,
    as_json: bool,
    wall: bool,
    quiet: bool,
    gateway: str | None,
    **settings: Any,
) -> None:
    """Play an ESP-01 for the Uno on its USB cable, with this computer's network. Ctrl-C ends it.

    Everything that the board sends goes to where it is addressed. With --gateway, readings are taken here,
    kept on disk and passed on (--forward, --mqtt), through outages of any length.
    """
    with reported(), ExitStack() as stack:
        targets = Targets(
            parse_allowed(allow),
            parse_routes(route),
            parse_routes(upgrade, HTTPS_PORT),
            parse_target(gateway) if gateway else None,
        )
        tls = Tls(ca=settings["ca"], strict=True)
        if wait and not ports:
            raise UsageError("--wait without --port", hint="name the port that the board will have: --port")
        names = check_named(ports) or [board.name for board in choose()]
        outlets = None
        if gateway:
            listen = parse_target(settings["listen"] or "127.0.0.1:0")
            outlets = Outlets(make_plan(settings, listen), tell)
            stack.callback(outlets.close)
        elif settings["listen"] or settings["forward"] or settings["mqtt"]:
            raise UsageError(
                "--listen, --forward and --mqtt belong to a gateway",
                hint="add --gateway NAME:PORT with the server's name and port as the board knows them",
            )
        address = ("127.0.0.1", outlets.address[1]) if outlets else None
        sessions = Sessions(PROFILES[profile], targets, tls, address, Show(quiet, as_json, wall, record))
        if record:
            check_writable(record, "--record")
        workers = [make_worker(name, baud, sessions, alone=len(names) == 1) for name in names]
        stack.enter_context(metrics_at(settings["metrics"], lambda: _figures(workers, outlets)))
        serve(workers, wait=wait)


def _figures(workers: list[Worker], outlets: Outlets | None) -> Figures:
    """Return the figures of the moment."""
    figures: Figures = {
        "unobridge_board_connected": (
            "gauge",
            "Whether the port is open.",
            {worker.name: float(worker.connected) for worker in workers},
        ),
        "unobridge_board_reconnects": (
            "counter",
            "How often the port was opened again.",
            {worker.name: float(max(0, worker.times_open - 1)) for worker in workers},
        ),
    }
    return figures | (outlets.figures() if outlets else {})


def make_worker(name: str, baud: int | None, sessions: Sessions, *, alone: bool) -> Worker:
    """Return the worker for a port; with others beside it, its lines carry its name."""
    label = "" if alone else name
    return Worker(
        Wanted(name),
        baud,
        lambda port, finder, rate: sessions.make(port, finder, rate, label),
        tell,
    )
