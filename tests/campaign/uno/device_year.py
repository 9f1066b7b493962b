"""A device-year, told in 52 weeks: what comes only after weeks, and thousands of outages.

Each trial is a week: the whole system over some minutes with fifty outages, from a state that takes a device
weeks, months or years to reach. What is moved there is the device itself, not its surroundings: its boot
number and counts of starts in EEPROM before power-on, the clock of milliseconds before the firmware reads it
for the first time, and the number of its first reading. In a third of the weeks that clock wraps on the way
(49.7 days), in another it passes 2^31; the number of readings passes 2^16 or 2^31 in as many. The journal's
25 slots are used in turn many times over in each week.

What it does not cover: the hours in between, in which nothing happens. A year at one reading a minute would
take the simulator 15 hours (`make soak` runs days of it). The wear of the EEPROM is not modelled.
"""

import binascii
import functools
import random
import struct
from collections.abc import Callable, Iterator

from campaign.whole.server_faults import ALL_FAULTS
from campaign.whole.whole_system import told, try_one
from campaign.whole.world import Trial, World
from unosim.board import Image
from unosim.faults import Fault, Plan, Wire, parse_fault
from unosim.modem import PROFILES

WEEKS = 52
OUTAGES = 50
REQUESTS_APART = 10
BYTES_APART = 4_000
INTERVAL_MS = 500
WRAP_MS = 1 << 32
STARTED = struct.Struct("<I4H")
"""A boot number and the counts of starts (life.h)."""
SAMPLER = struct.Struct("<III")
"""Interval, the instant due last, and the next seq (sampler.h)."""
KINDS = (
    "wifi-lost:{wire}@{byte},seconds={seconds}",
    "link-closed:{wire}@{byte}",
    "restart:{wire}@{byte}",
    "busy-storm:{wire}@{byte},seconds={seconds}",
    "server-restart@{request},seconds={seconds}",
    "killed-before-commit@{request},seconds={seconds}",
    "killed-after-commit@{request},seconds={seconds}",
    "read-only@{request}",
    "disk-full@{request},times=2",
    "slow-server@{request},seconds={seconds}",
    "lost-answer@{request}",
    "lost-request@{request}",
    "reset@{request}",
    "refusal@{n},times=2",
    "absent-server@{n}",
)
BOOTS = (1, 65_530, 2_147_483_600, 4_294_960_000)
SEQS = (0, 65_500, 2_147_483_600)
BEFORE_SETUP_S = 0.002
"""After power-on: by then RAM is initialised, and the first byte of EEPROM is being written."""


def trial(number: int) -> Trial:
    """Return the week of a number (0 or more)."""
    chance = random.Random(f"device-year {number}")
    return Trial(
        number=number,
        profile=sorted(PROFILES)[number % len(PROFILES)],
        soft=False,
        interval_ms=INTERVAL_MS,
        ram_fill=chance.randrange(1, 256),
        plan=Plan(tuple(_outages(chance)), number),
        trouble_s=3_600.0,
        trouble_requests=OUTAGES * REQUESTS_APART * 2,
    )


def _outages(chance: random.Random) -> Iterator[Fault]:
    """Yield outages all along the way."""
    for n in range(1, OUTAGES + 1):
        text = chance.choice(KINDS).format(
            n=n,
            wire=chance.choice(list(Wire)),
            byte=n * BYTES_APART + chance.randrange(400),
            request=n * REQUESTS_APART + chance.randrange(3),
            seconds=round(chance.choice((0.5, 5.0, 20.0)) * (0.1 + chance.random()), 3),
        )
        yield parse_fault(text, ALL_FAULTS)


def aged(eeprom: bytes, boot: int) -> bytes:
    """Return an EEPROM whose greatest boot number is another, and whose counts of starts are full."""
    started = STARTED.pack(boot, *[0xFFFF] * 4)
    crc = binascii.crc_hqx(started, 0xFFFF)
    return started + crc.to_bytes(2, "little") + eeprom[STARTED.size + 2 :]


def clock_of(number: int) -> int:
    """Return where the clock begins: at 0, or up to 100 s before it wraps, or its sign would."""
    before_ms = 5_000 + number * 7_919 % 95_000
    return (0, WRAP_MS - before_ms, WRAP_MS // 2 - before_ms)[number % 3]


def address_of(image: Image, name: str) -> int:
    """Return where a variable of an unnamed namespace lies (Itanium C++ ABI, section 5.1)."""
    mangled = f"_ZN12_GLOBAL__N_1{len(name)}{name}E"
    (address,) = (one.address for symbol, one in image.symbols.items() if symbol.partition(".")[0] == mangled)
    return address


def move_in_time(world: World) -> None:
    """Take a device that is about to start to where its week begins.

    Raises:
        AssertionError: The firmware does not keep its numbers where it did.
    """
    clock_ms, seq = clock_of(world.trial.number), SEQS[world.trial.number // 3 % len(SEQS)]
    board, image = world.simulation.board, world.image
    world.simulation.run_to(BEFORE_SETUP_S)
    clock = address_of(image, "clock")
    assert int.from_bytes(board.read_data(clock, 4), "little") < 3
    board.write_data(clock, clock_ms.to_bytes(4, "little"))
    assert world.simulation.run(lambda: bool(world.simulation.conversions), limit_s=1)
    worker = address_of(image, "the_worker")
    assert SAMPLER.unpack(board.read_data(worker, SAMPLER.size))[::2] == (INTERVAL_MS, 0)
    board.write_data(worker + SAMPLER.size - 4, seq.to_bytes(4, "little"))
    world.witness.lives[-1].first_seq = seq


def try_week(trial: Trial, also: Callable[[World], Iterator[str]] = lambda _world: iter(())) -> str:
    """Run a week and return what was wrong, or ""; `also` yields what else is."""
    boot = BOOTS[trial.number % len(BOOTS)]
    return try_one(trial, begin=move_in_time, eeprom=functools.partial(aged, boot=boot), also=also)


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each week."""
    for number in trials:
        week = trial(number)
        yield told("device-year", week, try_week(week))
