"""One life of the bridge, in a process of its own that can be killed at any moment: a gateway with a board.

Everything in it is the bridge's own code: worker, session, modem engine, gateway, journal, forwarder with its
HTTP client, publisher. What lies around it is the campaign's, in another process that this one asks for each
thing over a pipe: what time it is, what has come from the board, whether the port opens. Between two
questions no time passes, so a life is as deterministic as its surroundings; only a publisher, with the
threads and reconnections of paho, goes at the pace of the wall clock.

As a program (`python -c "from campaign.bridge.bridge_life import main; main()" SOCKET`) it waits for
connections and forks a life for each, which costs milliseconds; the spy of `disk_record` sits below it. It
ends when its standard input does, and takes the folder of its socket with it, however the campaign has ended.
"""

import ctypes
import os
import random
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from serial.tools.list_ports_common import ListPortInfo

from unobridge import forwarder, publisher
from unobridge.baud import BaudFinder
from unobridge.errors import BridgeError, PortError, PortLostError
from unobridge.forwarder import Forwarder, HttpServer
from unobridge.gateway import Gateway
from unobridge.instant import Instant
from unobridge.journal import Held, Journal, JournalUnavailableError
from unobridge.keys import Keys
from unobridge.ports import Wanted
from unobridge.publisher import Publisher, parse_broker
from unobridge.session import Port, Readers, Session
from unobridge.targets import GuardedNetwork, Targets
from unobridge.worker import Worker
from unosim.clock import NS_PER_S
from unosim.modem import NONOS_1_7_4
from unosim.modem.actions import NetworkAction
from unosim.modem.events import NetworkEvent
from unosim.network import VirtualNetwork, WsgiPeer

SERVER = ("ingest.lan", 8080)
JOURNAL_BYTES_MAX = 64 << 20


@dataclass(frozen=True)
class Settings:
    """What a life is started with."""

    folder: Path
    port: str
    baud: int | None
    forward: str
    broker: str
    seed: int
    breakage: str
    disk: tuple[int, int, int] | None


@dataclass(frozen=True)
class Listed:
    """A serial port as the system lists it."""

    name: str
    serial_number: str | None
    location: str


@dataclass(frozen=True)
class Told:
    """What the surroundings say to each question: the time by three clocks, and what has happened."""

    monotonic_ns: int
    wall_ns: int
    boottime_ns: int
    data: bytes = b""
    is_lost: bool = False
    is_to_end: bool = False
    disk: tuple[int, int, int] | None = None
    """A new plan for the spy: how many calls work from now on, how many then fail, with which errno."""
    answer: Any = None


class Surroundings:
    """Asks, and keeps what was told last; it is the session's clock, too."""

    def __init__(self, wire: Connection) -> None:
        self._wire = wire
        self.told = Told(0, 0, 0)
        self.arrived = bytearray()
        self.is_lost = False
        self.is_ending = False
        self.work: Callable[[], int] = lambda: 1 << 62
        """Does what is due beside the session; returns the instant of the next."""
        self.end: Callable[[], None] = lambda: None

    def ask(self, what: str, *arguments: object) -> Any:
        self._wire.send((what, *arguments))
        told: Told = self._wire.recv()
        self.told = told
        self.arrived += told.data
        self.is_lost |= told.is_lost
        if told.disk:
            plan_disk(told.disk)
        if told.is_to_end:
            self.is_ending = True
            self.end()
        return told.answer

    def now_ns(self) -> int:
        return self.told.monotonic_ns

    def instant(self) -> Instant:
        return Instant(self.told.wall_ns, "boot", self.told.boottime_ns)

    def wait(self, readers: Readers, writers: Readers, wait_s: float | None) -> None:
        del writers
        until_ns = 1 << 62 if wait_s is None else self.now_ns() + int(wait_s * NS_PER_S) + 1
        while not (self.arrived or self.is_lost or select.select(readers, [], [], 0)[0]):
            if self.now_ns() >= until_ns:
                return
            self.ask("wait", min(until_ns, self.work()))

    def rest(self, wait_s: float) -> None:
        until_ns = self.now_ns() + int(wait_s * NS_PER_S)
        while self.now_ns() < until_ns and not self.is_ending:
            self.ask("wait", min(until_ns, self.work()))


class Line:
    """An open port, as the surroundings give it."""

    pending_bytes = 0

    def __init__(self, surroundings: Surroundings, name: str, baud: int) -> None:
        self.name = name
        self._surroundings = surroundings
        trouble = surroundings.ask("open", name, baud)
        if trouble:
            raise PortError(f"cannot open {name}: {trouble}", hint="wait")
        surroundings.arrived.clear()
        surroundings.is_lost = False

    def readers(self) -> Readers:
        return []

    def take(self) -> bytes:
        data = bytes(self._surroundings.arrived)
        self._surroundings.arrived.clear()
        if not data and self._surroundings.is_lost:
            raise PortLostError("unplugged")
        return data

    def write(self, data: bytes) -> None:
        self._surroundings.ask("write", data)

    def set_baud(self, baud: int) -> None:
        self._surroundings.ask("baud", baud)

    def close(self) -> None:
        self._surroundings.ask("close")


class Sockets:
    """The network between module and gateway: virtual, for its time to pass only when it is let."""

    def __init__(self, gateway: Gateway) -> None:
        self._network = VirtualNetwork({SERVER: lambda: WsgiPeer(gateway)})

    def perform(self, action: NetworkAction, now_ns: int) -> None:
        self._network.perform(action, now_ns)

    def next_deadline(self) -> int | None:
        return self._network.next_deadline()

    def poll(self, now_ns: int) -> list[NetworkEvent]:
        return self._network.poll(now_ns)

    def readers(self) -> Readers:
        return []

    def writers(self) -> Readers:
        return []

    def close(self) -> None:
        pass


class Life:
    """The bridge as `unobridge run --gateway` makes it, without its threads."""

    def __init__(self, settings: Settings, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        tell = self._tell
        keys = Keys(settings.folder / "keys")
        self.journal = Journal(settings.folder / "journal.db", bytes_max=JOURNAL_BYTES_MAX)
        outlets = [
            *([forwarder.OUTLET] if settings.forward else []),
            *([publisher.OUTLET] if settings.broker else []),
        ]
        self._forwarder = None
        if settings.forward:
            chance = random.Random(settings.seed).random
            server = HttpServer(settings.forward, None)
            self._forwarder = Forwarder(self.journal, keys, server, tell, surroundings.instant, chance)
        self._publisher = None
        if settings.broker:
            broker = parse_broker(settings.broker, password="", prefix="unolink", client_id="desk", ca=None)
            self._publisher = Publisher(broker, self.journal, keys, tell, surroundings.instant)
        self._gateway = Gateway(
            keys, self.journal, tuple(outlets), tell, self._wake, instant=surroundings.instant
        )
        self._worker = Worker(
            Wanted(settings.port, self._ports),
            settings.baud,
            self._session,
            tell,
            open_port=lambda name, baud: Line(surroundings, name, baud),
            rest=surroundings.rest,
        )
        self._forward_ns = 0
        surroundings.work = self._work
        surroundings.end = self._worker.stop

    def run(self) -> None:
        self._worker.run(None)  # as with --wait
        if self._publisher:
            self._publisher.close()
        self.journal.close()

    def _work(self) -> int:
        """Let the forwarder do what is due; return when it is due again."""
        if self._forwarder is None:
            return 1 << 62
        now_ns = self._surroundings.now_ns()
        if self.journal.news.is_set() or self._forward_ns <= now_ns:
            self.journal.news.clear()
            self._forward_ns = now_ns + int(self._forwarder.step(now_ns / NS_PER_S) * NS_PER_S)
        return max(self._forward_ns, now_ns + 1)

    def _wake(self) -> None:
        if self._publisher:
            self._publisher.wake()

    def _ports(self) -> list[ListPortInfo]:
        listed = []
        for port in self._surroundings.ask("ports"):
            info = ListPortInfo(port.name)
            info.vid, info.pid = 0x2341, 0x0043
            info.serial_number, info.location = port.serial_number, port.location
            listed.append(info)
        return listed

    def _session(self, port: Port, finder: BaudFinder | None, baud: int) -> Session:
        targets = Targets(gateway=SERVER)
        return Session(
            port,
            NONOS_1_7_4,
            finder=finder,
            baud=baud,
            network=lambda _room: Sockets(self._gateway),
            wrap=lambda network: GuardedNetwork(network, targets, SERVER),
            watch=None,
            on_end=lambda: None,
            clock=self._surroundings,
        )

    def _tell(self, text: str) -> None:
        if os.environ.get("UNOLINK_SEQUENCES_SAY"):
            print(f"  bridge: {text}", file=sys.stderr)


def plan_disk(plan: tuple[int, int, int]) -> None:
    """Give the spy another plan."""
    ctypes.CDLL(None).unolink_spy_plan(*map(ctypes.c_long, plan))


def acknowledge_before_the_commit() -> None:
    add = Journal.add
    late: list[Any] = []

    def later(journal: Journal, *arguments: Any) -> None:
        late.append(arguments)
        if len(late) > 3:
            add(journal, *late.pop(0))
        journal.news.set()

    Journal.add = later  # type: ignore[method-assign,assignment]  # the point of it


def forget_before_the_answer() -> None:
    next_of = Journal.next

    def forget(journal: Journal, outlet: str, without: Any = ()) -> Held | None:
        held = next_of(journal, outlet, without)
        if held:
            journal.done(outlet, held.number)
        return held

    Journal.next = forget  # type: ignore[method-assign,assignment]  # the point of it


def forget_before_the_puback() -> None:
    publish = Publisher._publish

    def forget(self: Publisher, held: Held) -> None:
        publish(self, held)
        self._journal.done(publisher.OUTLET, held.number)

    Publisher._publish = forget  # type: ignore[method-assign]  # the point of it


def believe_any_204() -> None:
    forwarder.same = lambda _left, _right: True  # type: ignore[attr-defined,assignment]  # the point of it


def answer_204_without_a_disk() -> None:
    add = Journal.add

    def lenient(journal: Journal, *arguments: Any) -> None:
        try:
            add(journal, *arguments)
        except JournalUnavailableError:
            return

    Journal.add = lenient  # type: ignore[method-assign,assignment]  # the point of it


BREAKAGES: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        acknowledge_before_the_commit,
        forget_before_the_answer,
        forget_before_the_puback,
        believe_any_204,
        answer_204_without_a_disk,
    )
}
"""What a broken bridge might do; the campaign must notice each."""


def live(wire: Connection) -> int:
    """Run one life; return its exit code."""
    settings: Settings = wire.recv()
    if settings.breakage:
        BREAKAGES[settings.breakage]()
    if settings.disk:
        plan_disk(settings.disk)
    surroundings = Surroundings(wire)
    try:
        surroundings.ask("begin")
        if not surroundings.is_ending:
            Life(settings, surroundings).run()
    except BridgeError as error:
        wire.send(("ended", f" with {error}"))
        return 1
    except (EOFError, ConnectionError):
        return 1  # the campaign has ended
    except Exception:  # noqa: BLE001  # it becomes the sequence's verdict
        wire.send(("died", traceback.format_exc()))
        return 1
    wire.send(("ended", ""))
    return 0


def main() -> None:
    """Fork lives until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for their exit codes
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            shutil.rmtree(Path(sys.argv[1]).parent, ignore_errors=True)
            return
        accepted, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            wire = Connection(accepted.detach())
            wire.send(os.getpid())
            os._exit(live(wire))
        accepted.close()
