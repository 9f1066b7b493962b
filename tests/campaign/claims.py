"""The table of what is claimed, and how often each claim is tried: on each push, and in a campaign.

A trial is a number from which everything in it follows, so a trial that fails can be run again alone. A
claim's `tries` takes a range of such numbers and yields a line for each in turn: empty if the claim held,
else what was wrong. Trials that share something expensive (a recorded disk, a running server) share it
within the range, and are run again as that range.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from campaign.bridge import bridge_sequences
from campaign.disk import bit_flips, disk_faults, journal_crashes, store_crashes
from campaign.disk.crash_runs import STATES_PER_RUN
from campaign.mutation import mutation_gate
from campaign.server import forgeries, fuzzed_requests, kills, slow_clients
from campaign.uno import device_year, forged_acks, garbled, power_cuts, single_faults
from campaign.whole import whole_system

Tries = Callable[[range], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Claim:
    """What must hold, and how it is tried.

    Args:
        name: For the command line.
        statement: What is claimed, for the report.
        each_push: How many trials CI runs.
        campaign: How many trials `make campaign` runs.
        at_once: How many trials one process runs before it reports; ranges begin at multiples of it.
        tries: Runs a range of trials.
    """

    name: str
    statement: str
    each_push: int
    campaign: int
    at_once: int
    tries: Tries


CLAIMS = (
    # first, because one of its ranges takes longest
    Claim(
        "mutations",
        "A breakage of the code is noticed by the test that is there for it",
        each_push=len(mutation_gate.read_table()),
        campaign=len(mutation_gate.read_table()),
        at_once=mutation_gate.AT_ONCE,
        tries=mutation_gate.tries,
    ),
    Claim(
        "store-crashes",
        "After a power cut the server's store is sound and has every acknowledged reading",
        each_push=20_000,
        campaign=1_000_000,
        at_once=STATES_PER_RUN,
        tries=store_crashes.tries,
    ),
    Claim(
        "journal-crashes",
        "After a power cut the bridge's journal is sound and is as it was behind the last call that returned",
        each_push=4_000,
        campaign=200_000,
        at_once=STATES_PER_RUN,
        tries=journal_crashes.tries,
    ),
    Claim(
        "forgeries",
        "Nothing that was changed, made up or sent again gets into the store",
        each_push=2_000,
        campaign=1_000_000,
        at_once=2_000,
        tries=forgeries.tries,
    ),
    Claim(
        "fuzzed-requests",
        "Whatever is sent, the server answers as documented and stores exactly what it accepted",
        each_push=20_000,
        campaign=2_000_000,
        at_once=2_000,
        tries=fuzzed_requests.tries,
    ),
    Claim(
        "forged-acks",
        "A device gives up no reading on an answer that its server did not sign, and goes on by itself",
        each_push=50,
        campaign=2_000,
        at_once=25,
        tries=forged_acks.tries,
    ),
    Claim(
        "whole-system",
        "Whatever goes wrong, each reading is stored once and as it was measured, or is a counted gap",
        each_push=200,
        campaign=20_000,
        at_once=whole_system.AT_ONCE,
        tries=whole_system.tries,
    ),
    Claim(
        "garbled",
        "Over a UART that garbles a byte in 10,000 or in 100, every reading is delivered",
        each_push=200,
        campaign=10_000,
        at_once=garbled.AT_ONCE,
        tries=garbled.tries,
    ),
    Claim(
        "power-cuts",
        "After a power cut at any cycle the Uno starts with its settings, its journal and a new boot number",
        each_push=300,
        campaign=100_000,
        at_once=power_cuts.AT_ONCE,
        tries=power_cuts.tries,
    ),
    Claim(
        "single-faults",
        "No single fault at any byte of the dialogue stops the Uno for longer than 30 s, or costs a reading",
        each_push=100,
        campaign=single_faults.TRIALS,
        at_once=single_faults.AT_ONCE,
        tries=single_faults.tries,
    ),
    Claim(
        "device-year",
        "Counters that wrap and thousands of outages change nothing of that: a year, in 52 weeks",
        each_push=1,
        campaign=device_year.WEEKS,
        at_once=1,
        tries=device_year.tries,
    ),
    Claim(
        "bridge-sequences",
        "Whatever befalls bridge, board, server, broker and disk, the bridge loses and doubles no reading",
        each_push=10,
        campaign=1_000,
        at_once=10,
        tries=bridge_sequences.tries,
    ),
    Claim(
        "kill-9",
        "Killed in mid-load or in mid-start, the server is soon ready again, with what it acknowledged, once",
        each_push=20,
        campaign=500,
        at_once=kills.TRIALS_PER_STORE,
        tries=kills.tries,
    ),
    Claim(
        "store-disk-faults",
        "A disk call that fails or takes long costs the server's store nothing that it acknowledged",
        each_push=49,
        campaign=disk_faults.TRIALS,
        at_once=49,
        tries=functools.partial(disk_faults.tries, store_crashes.SHORT),
    ),
    Claim(
        "journal-disk-faults",
        "A disk call that fails or takes long costs the bridge's journal nothing that it acknowledged",
        each_push=49,
        campaign=disk_faults.TRIALS,
        at_once=49,
        tries=functools.partial(disk_faults.tries, journal_crashes.SHORT),
    ),
    Claim(
        "bit-flips",
        "A bit that flips in the store's files is found, or costs a crashed server's last commit at most",
        each_push=200,
        campaign=5_000,
        at_once=100,
        tries=bit_flips.tries,
    ),
    Claim(
        "slow-clients",
        "While hundreds of slow, silent or endless clients hang on, server and gateway answer a good one",
        each_push=5,
        campaign=50,
        at_once=5,
        tries=slow_clients.tries,
    ),
)
