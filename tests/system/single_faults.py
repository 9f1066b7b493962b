"""One fault at one byte of the dialogue, and what must hold afterwards."""

from dataclasses import dataclass

from system.node_bench import Bench, make_bench
from unosim.board import Image
from unosim.clock import NS_PER_S
from unosim.faults import (
    BusyStorm,
    DropByte,
    Fault,
    FlipBit,
    InsertByte,
    LinkClosed,
    Plan,
    Restart,
    WifiLost,
    Wire,
)
from unosim.trace import Channel

SEED = 7
KINDS = (FlipBit, DropByte, InsertByte, Restart, BusyStorm, WifiLost, LinkClosed)
CANONICAL_READINGS = 7
"""The canonical dialogue: from power-on to the third request after the first batch."""
STRIKE_WITHIN_S = 60.0
RECOVERY_S = 30.0
"""From a fault's end to the next acknowledgement."""


@dataclass(frozen=True)
class Outcome:
    """What came of a fault: nothing wrong if `complaint` is empty."""

    complaint: str
    recovery_s: float


def dialogue_bytes(image: Image, profile: str) -> dict[Wire, int]:
    """Return how many bytes pass by on each wire in the canonical dialogue."""
    bench = make_bench(image, profile=profile)
    assert bench.run_until_acked(CANONICAL_READINGS, limit_s=60)
    trace = bench.simulation.trace
    return {Wire.TO_ESP: len(trace.heard(Channel.UNO_TX)), Wire.TO_UNO: len(trace.heard(Channel.ESP_TX))}


def suffer(image: Image, profile: str, fault: Fault) -> Outcome:
    """Run until the fault has struck and its end is over, and see how soon and how whole the node goes on."""
    bench = make_bench(image, profile=profile, plan=Plan((fault,), SEED))
    simulation = bench.simulation
    if not simulation.run(lambda: bool(bench.injection.happened), limit_s=STRIKE_WITHIN_S):
        return Outcome("the fault never struck", 0)
    seconds = fault.seconds if isinstance(fault, BusyStorm | WifiLost) else 0
    end_s = simulation.now_ns / NS_PER_S + seconds
    simulation.run_to(end_s)
    acked = bench.counters.acked
    recovered = bench.run_until_acked(acked + 1, limit_s=end_s + RECOVERY_S)
    recovery_s = simulation.now_ns / NS_PER_S - end_s
    if not recovered:
        return Outcome(f"no acknowledgement within {RECOVERY_S} s: {bench.counters}", recovery_s)
    bench.run_until_acked(bench.counters.sampled, limit_s=simulation.now_ns / NS_PER_S + 5)
    return Outcome(complaint_about(bench), recovery_s)


def complaint_about(bench: Bench) -> str:
    """Return what does not hold: every reading delivered or counted, each once, in order, no watchdog."""
    counters, seqs = bench.counters, [seq for _, _, seq in bench.server.stored]
    missing = set(range(max(seqs))) - set(seqs)
    if bench.server.conflicts:
        return f"sent twice with other values: {bench.server.conflicts}"
    if {boot for _, boot, _ in bench.server.stored} != {2}:
        return "the node has started anew: its watchdog bit"
    if seqs != sorted(seqs):
        return f"out of order: {seqs}"
    if len(missing) > counters.lost + counters.rejected:
        return f"{missing} missing, {counters}"
    return ""
