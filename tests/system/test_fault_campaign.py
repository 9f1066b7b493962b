"""The real image under one fault at a time, at sampled offsets of its dialogue: it loses nothing and goes on.

A case's name is its plan, and all chance comes from `SEED`, so the name is enough to run a case again. A
failure says so.
"""

import random
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from system.whole_path import Run, virtual_run
from unosim.board import Image
from unosim.demo import acknowledged
from unosim.faults import (
    BaudDrift,
    BootGarbage,
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
    parse_fault,
)
from unosim.lab import DEVICE, KEY
from unosim.signed import parse_post, request_tag
from unosim.trace import Channel

pytestmark = pytest.mark.system
SEED = 7
DIALOGUE_BYTES = {Wire.TO_ESP: 1_150, Wire.TO_UNO: 1_150}
"""What passes by on each wire until five readings are acknowledged, nearly."""
OFFSETS_PER_FAULT = 4
READINGS = 12
LIMIT_S = 300


def sampled_faults() -> list[Fault]:
    """Return the campaign: every fault of the wires and the module at drawn offsets, and the network's."""
    chance = random.Random(SEED)  # noqa: S311  # repeatable on purpose, guards no secret
    faults: list[Fault] = []
    for wire, length_bytes in DIALOGUE_BYTES.items():
        for kind in (FlipBit, DropByte, InsertByte, Restart, BusyStorm, WifiLost, LinkClosed):
            offsets = sorted(chance.sample(range(length_bytes), OFFSETS_PER_FAULT))
            faults += [kind(wire, offset) for offset in offsets]
    texts = ["dns-failure@0", "refusal@0,times=2", "absent-server@0", "lost-request@2", "lost-answer@1"]
    texts += ["reset@2", "half-answer@3", "slow-server@1,seconds=8", "slow-server@1,seconds=40"]
    return [*faults, *map(parse_fault, texts), BaudDrift(2.0), BaudDrift(-2.0), BootGarbage()]


def said_values(run: Run) -> dict[tuple[int, int], dict[str, int]]:
    """Return the values by (boot, seq) as the device said them, before anything happened to them."""
    values: dict[tuple[int, int], dict[str, int]] = {}
    for request in run.trace.heard(Channel.UNO_TX).split(b"POST ")[1:]:
        head, _, rest = request.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2])
        post = parse_post(b"POST " + head + b"\r\n\r\n" + rest[:length])
        if post and post.tag == request_tag(KEY, DEVICE, post.body):  # else it was broken off
            values |= {identity[1:]: row for identity, row in post.readings().items()}
    return values


@contextmanager
def replayable(plan: Plan, node_id: str) -> Iterator[None]:
    """Add to a failure what repeats it."""
    try:
        yield
    except Exception as error:
        error.add_note(
            f"faults  {plan}\nseed    {plan.seed}\nagain   python -m pytest {shlex.quote(node_id)}"
        )
        raise


@pytest.mark.parametrize("fault", sampled_faults(), ids=str)
def test_nothing_is_lost_and_the_device_goes_on(
    request: pytest.FixtureRequest, image: Image, tmp_path: Path, fault: Fault
) -> None:
    plan = Plan((fault,), SEED)
    with replayable(plan, request.node.nodeid):
        run = virtual_run(image, tmp_path / "readings.db", READINGS, plan=plan, limit_s=LIMIT_S)
        assert run.happened or isinstance(fault, BaudDrift), "the fault never struck"
        check_that_nothing_is_lost(run)


def check_that_nothing_is_lost(run: Run) -> None:
    """Hold what the device said and was told against what the server stored and logged."""
    stored = [(row["boot"], row["seq"]) for row in run.stored]
    said = said_values(run)
    assert len(set(stored)) == len(stored)
    assert len([line for line in run.log_lines if '"reading":' in line]) == len(stored)
    assert [row["values"] for row in run.stored] == [said[identity] for identity in stored]

    missing = {(2, seq) for seq in range(max(seq for _, seq in stored))} - set(stored)
    assert len(missing) <= run.counters.rejected + run.counters.lost
    assert run.counters.acked <= len(stored)
    assert acknowledged(run.trace) & missing == set()


def test_an_empty_plan_changes_nothing(image: Image, tmp_path: Path) -> None:
    plain = virtual_run(image, tmp_path / "plain.db", 3)
    wrapped = virtual_run(image, tmp_path / "wrapped.db", 3, plan=Plan())
    assert wrapped.trace.digest() == plain.trace.digest()


def test_a_plan_repeats_itself_and_another_seed_does_not(image: Image, tmp_path: Path) -> None:
    def digest(name: str, seed: int) -> str:
        plan = Plan.parse("flip-bit:esp>uno,chance=0.002; boot-garbage", seed=seed)
        return virtual_run(image, tmp_path / name, 3, plan=plan, limit_s=LIMIT_S).trace.digest()

    assert digest("one.db", 1) == digest("again.db", 1)
    assert digest("two.db", 2) != digest("again2.db", 1)
