"""The world around one life of the bridge after the other: time, cable, laptop, and what each suffers.

The bridge (`bridge_life`) asks; each question is answered at the instant at which the world then is, and
only a wait lets time pass. `kill -9` is one: at any question, at any disk call (the spy's plan), or while the
server has a request (`Server.before`, `Server.behind`).
"""

import atexit
import contextlib
import functools
import heapq
import itertools
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from campaign.bridge.bridge_life import Listed, Settings, Told
from campaign.bridge.bridge_node import NS_PER_S, Node
from campaign.bridge.bridge_server import Server
from campaign.disk.disk_record import build_spy, spied_environment
from mosquitto import Broker
from unosim.uart import FRAME_BITS, sample

BROKER_EVERY = 10
MEMORY = Path("/dev/shm")  # noqa: S108  # the folder in it is drawn
"""Files in memory: what kill -9 leaves of them does not depend on a sync, which costs time."""
ANSWER_WAIT_S = 60.0
"""Real time after which a bridge that says nothing hangs."""
NODE_BAUD = 115_200
BY_ID = "/dev/serial/by-id/usb-Arduino_0043-if00"
"""A name that stays, as Linux makes one, and the unit's settings name one."""
RECONNECT_S = 1.0
QUESTIONS_MAX = 5_000
"""At one instant: it is some dozens at most."""
ONE_WAIT_NS = 5 * NS_PER_S
"""The longest wait in one piece, so that the campaign has its turns."""
RESTART_S = 2.0
"""Between an exit and the next start: `RestartSec` of the systemd unit."""
KILL = -int(signal.SIGKILL)
NO_DISK_PLAN = (-1, 0, 0)


class Violation(Exception):  # noqa: N818  # the campaign's word
    """The bridge broke a promise."""


class Zygote:
    """The process of which lives are forked."""

    def __init__(self) -> None:
        memory = MEMORY if MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="bridge-sequences-", dir=memory))
        address = self.folder / "socket"
        tests = str(Path(__file__).parents[2])
        environment = spied_environment(build_spy(self.folder), self.folder)
        path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
        program = "from campaign.bridge.bridge_life import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, str(address)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for this process: that one tidies up behind it
            env={**environment, "PYTHONPATH": path},
        )
        self._address = str(address)
        atexit.register(self.close)

    def fork(self, settings: Settings) -> tuple[Connection, int]:
        """Return the wire to a new life, and its process id."""
        connection = socket.socket(socket.AF_UNIX)
        for _ in range(1_000):
            try:
                connection.connect(self._address)
            except (FileNotFoundError, ConnectionRefusedError):
                assert self._process.poll() is None, "the zygote has ended"
                time.sleep(0.01)
            else:
                break
        wire = Connection(connection.detach())
        number = wire.recv()
        wire.send(settings)
        return wire, number

    def close(self) -> None:
        """End it."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(ANSWER_WAIT_S)


@functools.cache
def zygote() -> Zygote:
    """Return the one of this process."""
    return Zygote()


class World:
    """Everything but the bridge.

    Args:
        seed: decides everything.
        folder: an empty folder below the spy's.
        breakage: a name of `bridge_life.BREAKAGES`, to see whether it is noticed.
    """

    EPOCH_NS = 1_790_000_000 * NS_PER_S
    """The true time of day at the instant 0."""

    def __init__(self, seed: int, folder: Path, breakage: str = "") -> None:
        self.story: list[str] = []
        """What happened, a line each."""
        self.now_ns = 0
        self.chance = chance = random.Random(seed)
        self.folder = folder
        self.server = Server(folder, lambda: self.EPOCH_NS + self.now_ns)
        self.broker = Broker(folder / "broker") if seed % BROKER_EVERY == 0 else None
        if self.broker:
            self.server.subscribe(self.broker.port)
        self.breakage = breakage
        self._seed = seed
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        interval_ns = int(chance.choice((0.3, 1, 3)) * NS_PER_S)
        self.node = Node(chance, self._from_node, interval_ns=interval_ns, keeps=chance.random() < 0.5)
        self._resets_on_open = chance.random() < 0.7
        self._serial_number = chance.choice((None, "75830303934351E0C1A1"))
        self._counts_sleep = chance.random() < 0.3
        self._baud = chance.choice((None, NODE_BAUD))
        self._forwards = self.broker is None or chance.random() < 0.5
        # the cable
        self.name: str | None = None
        self._by_id = chance.random() < 0.4
        self._expected_name = ""
        """By which a bridge that has never seen the board waits for it."""
        self.is_stolen = False
        self.is_open = False
        self._bridge_baud = NODE_BAUD
        self._plug_number = 0
        self._inbox = b""
        self._is_lost = False
        self._to_node_free_ns = self._to_bridge_free_ns = 0
        # the laptop
        self.slept_ns: list[tuple[int, int]] = []
        self._wall_offset_ns = 0
        self._sleeps = False
        self._plugs_at_dawn = ""
        # the bridge
        self._wire: Connection | None = None
        self._process = 0
        self._questions = self._asked_ns = 0
        self.lives = 0
        self.kill_in: int | None = None
        self._disk: tuple[int, int, int] | None = None
        self.full_disk: int | None = None
        self._wanted_since_ns: int | None = None
        self.ends_soon = False
        self.over = False

    # time

    def after(self, wait_s: float, happen: Callable[[], None]) -> None:
        """Let something happen in some seconds."""
        at_ns = self.now_ns + int(wait_s * NS_PER_S)
        heapq.heappush(self._events, (at_ns, next(self._numbers), happen))

    def pass_time(self, until_ns: int, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Let happen what is due until an instant, or until `stop`."""
        while not stop():
            at_ns = min(until_ns, self._events[0][0] if self._events else until_ns)
            if self.node.on and self.node.next_ns <= at_ns:
                self.now_ns = max(self.now_ns, self.node.next_ns)
                self.node.wake(self.now_ns)
            elif self._events and self._events[0][0] <= until_ns:
                at_ns, _, happen = heapq.heappop(self._events)
                self.now_ns = max(self.now_ns, at_ns)
                happen()
            else:
                self.now_ns = max(self.now_ns, until_ns)
                return

    def note(self, text: str) -> None:
        """Write down what happens."""
        self.story.append(f"{self.now_ns / NS_PER_S:12.3f} {text}")
        if os.environ.get("UNOLINK_SEQUENCES_SAY"):
            print(self.story[-1], file=sys.stderr)

    @property
    def _asleep_ns(self) -> int:
        return 0 if self._counts_sleep else sum(long_ns for _, long_ns in self.slept_ns)

    # the cable

    def plug_in(self, name: str) -> None:
        """Connect the board, with power; once somebody is awake to do so."""
        if self._sleeps:
            self._plugs_at_dawn = name
            return
        name = self._expected_name or name
        self.note(f"plugged in as {name}")
        self.name = name
        self._plug_number += 1
        self.node.power(self.now_ns, on=True)

    def unplug(self) -> None:
        """Take the board away, with power."""
        self.note("unplugged")
        self.name = None
        self._is_lost = self._is_lost or self.is_open
        self.node.power(self.now_ns, on=False)

    def _from_node(self, data: bytes) -> None:
        """Carry what the node says to the bridge, in one piece or two."""
        cut = self.chance.randrange(len(data) + 1)
        start_ns = max(self.now_ns, self._to_bridge_free_ns)
        for piece in (data[:cut], data[cut:]):
            if piece:
                start_ns += len(piece) * FRAME_BITS * NS_PER_S // NODE_BAUD
                self._carry(piece, start_ns - self.now_ns)
        self._to_bridge_free_ns = start_ns

    def _carry(self, data: bytes, takes_ns: int) -> None:
        """Let bytes arrive at the bridge, unless the cable is pulled meanwhile."""
        plug = self._plug_number

        def arrive() -> None:
            if self.is_open and plug == self._plug_number and self.name and not self._is_lost:
                rates = self._bridge_baud, NODE_BAUD
                self._inbox += data if len({*rates}) == 1 else bytes(sample(byte, *rates)[0] for byte in data)

        self.after(takes_ns / NS_PER_S, arrive)

    def _to_node(self, data: bytes) -> None:
        plug = self._plug_number
        if self._bridge_baud != NODE_BAUD:
            data = bytes(sample(byte, NODE_BAUD, self._bridge_baud)[0] for byte in data)
        start_ns = max(self.now_ns, self._to_node_free_ns)
        self._to_node_free_ns = start_ns + len(data) * FRAME_BITS * NS_PER_S // NODE_BAUD

        def arrive() -> None:
            if plug == self._plug_number and self.name:
                self.node.hear(data, self.now_ns)

        self.after((self._to_node_free_ns - self.now_ns) / NS_PER_S, arrive)

    def babble(self) -> None:
        """Let the line carry garbage towards the bridge, as from a boot loader or a loose wire."""
        for _ in range(self.chance.randrange(1, 12)):
            garbage = self.chance.randbytes(self.chance.randrange(1, 40))
            self._carry(garbage, self.chance.randrange(NS_PER_S))

    # the laptop

    def sleep(self, wait_s: float, *, loses_power: bool) -> None:
        """Close the lid: the bridge stands still, the world does not."""
        if self._sleeps:
            return
        self.note(f"asleep for {wait_s:.0f} s")
        name = self.name
        if loses_power and name:
            self.unplug()
        self.server.hang_up()
        until_ns = self.now_ns + int(wait_s * NS_PER_S)
        self.slept_ns.append((self.now_ns, until_ns - self.now_ns))
        self._plugs_at_dawn = (
            self.chance.choice((name, other_name(self.chance, name))) if loses_power and name else ""
        )
        was_open, self.is_open = self.is_open, False  # what the board says is heard by nobody
        self._sleeps = True
        self.pass_time(until_ns)
        self._sleeps = False
        self._wanted_since_ns = None  # nobody looked for it meanwhile
        self.is_open = was_open
        self.note("awake")
        if self._plugs_at_dawn:
            self.plug_in(self._plugs_at_dawn)

    def set_clock(self, by_s: float) -> None:
        """Set the laptop's time of day."""
        self.note(f"the clock is set by {by_s:.0f} s")
        self._wall_offset_ns += int(by_s * NS_PER_S)

    def plan_disk(self, plan: tuple[int, int, int]) -> None:
        """Let disk calls of the bridge fail: after how many, how many, and how."""
        self.note(f"disk calls fail: {plan}")
        self._disk = plan

    # the bridge

    def start(self) -> None:
        """Start the bridge, as systemd would."""
        port = self.name or "/dev/ttyACM0"
        self._expected_name = "" if self._by_id else port
        settings = Settings(
            folder=self.folder,
            port=BY_ID if self._by_id else port,
            baud=self._baud,
            forward=f"http://127.0.0.1:{self.server.port}" if self._forwards else "",
            broker=f"mqtt://127.0.0.1:{self.broker.port}" if self.broker else "",
            seed=self._seed,
            breakage=self.breakage,
            disk=self._disk or ((0, -1, self.full_disk) if self.full_disk else None),
        )
        self._disk = None
        self._wire, self._process = zygote().fork(settings)
        self.lives += 1
        self.note("the bridge starts")

    def kill(self) -> None:
        """Kill -9."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)

    def turn(self) -> None:
        """Answer one question of the bridge."""
        if self._wire is None:
            self.pass_time(self.now_ns + int(0.1 * NS_PER_S), stop=lambda: self._wire is not None)
            return
        if not self._wire.poll(ANSWER_WAIT_S):
            self.kill()
            raise Violation("the bridge hangs")
        self._questions = self._questions + 1 if self.now_ns == self._asked_ns else 0
        self._asked_ns = self.now_ns
        if self._questions > QUESTIONS_MAX:
            raise Violation("the bridge asks and asks, and never lets time pass")
        try:
            what, *arguments = self._wire.recv()
            if self.kill_in is not None:
                self.kill_in -= 1
                if self.kill_in < 0:
                    self.kill()
            answer = self._answer(what, arguments)
            if self._wire is not None:
                self._wire.send(self._told(answer))
        except (EOFError, ConnectionError):
            self.note("the bridge is dead")
            self._bridge_gone(self.chance.uniform(0.01, 3))

    def _bridge_gone(self, restart_s: float) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire, self.kill_in, self._wanted_since_ns = None, None, None
        self._close_port()
        if not self.over:
            self.after(restart_s, self.start)

    def _answer(self, what: str, arguments: list[Any]) -> Any:
        match what:
            case "wait":
                self._let_wait(arguments[0])
            case "open":
                return self._open(*arguments)
            case "ports":
                return self._listed()
            case "write":
                if self.is_open and not self._is_lost:
                    self._to_node(arguments[0])
            case "baud":
                self._bridge_baud = arguments[0]
            case "close":
                self._close_port()
            case "died":
                raise Violation(f"the bridge died of itself: {arguments[0]}")
            case "ended":
                self.note(f"the bridge has ended{arguments[0]}")
                self._bridge_gone(RESTART_S)
        return None

    def _told(self, answer: Any) -> Told:
        data, self._inbox = self._inbox, b""
        disk, self._disk = self._disk, None
        ends, self.ends_soon = self.ends_soon, False
        return Told(
            monotonic_ns=self.now_ns - self._asleep_ns,
            wall_ns=self.EPOCH_NS + self.now_ns + self._wall_offset_ns,
            boottime_ns=self.now_ns,
            data=data,
            is_lost=self._is_lost,
            is_to_end=ends,
            disk=disk,
            answer=answer,
        )

    def _let_wait(self, until_monotonic_ns: int) -> None:
        until_ns = min(until_monotonic_ns + self._asleep_ns, self.now_ns + ONE_WAIT_NS)

        def is_news() -> bool:
            if self.ends_soon or self._disk or self._inbox or (self._is_lost and self.is_open):
                return True
            return self.now_ns >= until_ns

        while not is_news():
            self.pass_time(until_ns, stop=is_news)
        self._look_whether_it_is_late()

    def _look_whether_it_is_late(self) -> None:
        if self.name is None or self.is_stolen or self.is_open:
            self._wanted_since_ns = None
        elif self._wanted_since_ns is None:
            self._wanted_since_ns = self.now_ns
        elif self.now_ns - self._wanted_since_ns > RECONNECT_S * NS_PER_S:
            raise Violation(f"a port that is there was not opened within {RECONNECT_S} s")

    def _open(self, name: str, baud: int) -> str:
        self._close_port()
        if name not in {self.name, BY_ID} or self.name is None:
            return "there is no such port"
        if self.is_stolen:
            return "another program has it open"
        self.is_open, self._bridge_baud, self._expected_name = True, baud, ""
        if self._resets_on_open:
            self.node.power(self.now_ns, on=True)
        return ""

    def _close_port(self) -> None:
        self.is_open = self._is_lost = False
        self._inbox = b""

    def _listed(self) -> list[Listed]:
        board = [Listed(self.name, self._serial_number, "1-1")] if self.name else []
        other = Listed("/dev/ttyACM7", "85430353", "1-4")
        return [other, *board] if self._serial_number else board

    # the end

    def heal(self) -> None:
        """End all troubles."""
        self.note("all is well from here on")
        self.server.mode = ""
        self.server.before = self.server.behind = self.kill_in = None
        self.server.come()
        self.is_stolen = False
        self.full_disk, self._disk = None, NO_DISK_PLAN
        if self.broker:
            self.broker.thaw()
            self.broker.start()
        if self.name is None:
            self.plug_in("/dev/ttyACM0")
        self.node.samples = False

    @property
    def runs(self) -> bool:
        """Whether the bridge runs."""
        return self._wire is not None

    def close(self) -> None:
        """End everything."""
        if self._wire is not None:
            self.kill()
            self._wire.close()
        self.server.close()
        if self.broker:
            self.broker.stop()

    def pending(self) -> int:
        """Return how many requests wait in the journal."""
        try:
            # read only, or the last to close would tidy up behind a bridge that was killed
            with contextlib.closing(
                sqlite3.connect(f"file:{self.folder}/journal.db?mode=ro", uri=True)
            ) as journal:
                (count,) = journal.execute("SELECT count(*) FROM pending").fetchone()
        except sqlite3.OperationalError:
            return 0  # it has not been made yet
        return int(count)

    def waits(self) -> str:
        """Return what is not done yet."""
        if not self.node.is_content:
            return "the node holds readings that nobody acknowledges"
        if pending := self.pending():
            return f"{pending} requests wait in the journal"
        missing = sum(one.acknowledged for one in self.node.taken.values()) - len(self.server.emitted)
        return f"{missing} readings are still at the broker" if self.broker and missing > 0 else ""


def other_name(chance: random.Random, name: str) -> str:
    """Return another name for a port."""
    return chance.choice([one for one in (f"/dev/ttyACM{number}" for number in range(4)) if one != name])
