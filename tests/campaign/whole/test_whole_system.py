"""The whole system under faults, and whether its judge and its shrinker would notice a defect."""

import io
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from campaign.uno import garbled
from campaign.uno.witness import Samples
from campaign.whole import drawing, whole_system
from campaign.whole import shrink as shrinker
from campaign.whole.server import Server
from campaign.whole.server_faults import ALL_FAULTS, ServerFault, ServerRestart
from campaign.whole.shrink import HoldsError, Shrinkable, shrink
from campaign.whole.verdict import harms
from campaign.whole.whole_system import images, try_one
from campaign.whole.world import Trial, World
from unosim.board.events import ResetBegan
from unosim.faults import BootGarbage, LostAnswer, Plan, parse_fault
from unosim.lab import KEY
from unosim.signed import answer_tag, parse_post

pytestmark = pytest.mark.system


def trial_of(plan: str, **changes: Any) -> Trial:
    settings: dict[str, Any] = {"profile": "nonos-1.7.4", "soft": False, "interval_ms": 200, "ram_fill": 0xA5}
    faults = Plan.parse(plan, seed=1, catalogue=ALL_FAULTS)
    return Trial(number=1, plan=faults, **settings | changes)


def test_the_first_trials_hold() -> None:
    assert list(whole_system.tries(range(4))) == [""] * 4


@pytest.mark.parametrize("number", [748, 3_408, 3_606])
def test_what_once_failed_holds(number: int) -> None:
    assert list(whole_system.tries(range(number, number + 1))) == [""]


def test_a_trial_repeats_itself() -> None:
    digests = []

    def also(world: World) -> Iterator[str]:
        digests.append((world.simulation.trace.digest(), world.server.log_lines))
        return iter(())

    for number in (15, 15, 16):
        try_one(drawing.trial(number), also=also)
    assert digests[0] == digests[1] != digests[2]


def test_plans_are_written_and_read_and_leave_no_fault_out() -> None:
    plans = [drawing.trial(number).plan for number in range(600)]
    for plan in plans:
        assert Plan.parse(str(plan), seed=plan.seed, catalogue=ALL_FAULTS) == plan
    assert {type(fault) for plan in plans for fault in plan.faults} == set(ALL_FAULTS.values())


@pytest.mark.parametrize(
    "text", sorted(name for name, kind in ALL_FAULTS.items() if issubclass(kind, ServerFault))
)
def test_what_goes_wrong_with_the_server_does_and_costs_nothing(text: str) -> None:
    struck: list[str] = []

    def also(world: World) -> Iterator[str]:
        struck.extend(type(stroke.fault).name for stroke in world.injection.happened)
        return iter(())

    assert try_one(trial_of(f"{text}@2"), also=also) == ""
    assert struck == [text]


def test_a_device_that_asks_too_often_waits() -> None:
    def also(world: World) -> Iterator[str]:
        assert world.ending.lives[-1].counters.retries > 0
        return iter(())

    assert try_one(trial_of("rate-limited"), also=also) == ""


def take_a_reading_away(world: World) -> None:
    execute(world, "DELETE FROM reading WHERE seq = 3")


def take_an_entry_away(world: World) -> None:
    execute(world, "DELETE FROM outbox WHERE id = (SELECT max(id) FROM outbox)")


def log_a_line_twice(world: World) -> None:
    world.server.log_lines.append(world.server.log_lines[-1])


def take_a_line_away(world: World) -> None:
    world.server.log_lines.pop()


def count_too_many(world: World) -> None:
    life = world.ending.lives[-1]
    life.counters = life.counters._replace(lost=40)


def let_the_watchdog_bite(world: World) -> None:
    world.simulation.uno.resets.append(ResetBegan(8, 1))


def use_up_the_stack(world: World) -> None:
    world.ending.lives[-1].stack_free_bytes = 199


def let_boot_go_back(world: World) -> None:
    world.ending.lives.insert(0, world.ending.lives[0])
    world.witness.lives.insert(0, world.witness.lives[0])


def lose_a_reading_of_the_journal(world: World) -> None:
    world.ending.lives[-1].journal[2, 9_999] = {"a0": 0, "a1": 0}


def acknowledge_what_is_not_there(world: World) -> None:
    tag = next(iter(world.server.acknowledgements))
    world.server.acknowledgements[tag].add((2, 9_999))


def acknowledge_what_was_not_asked(world: World) -> None:
    world.server.acknowledgements.clear()


def acknowledge_before_the_cut(world: World) -> None:
    life = world.ending.lives[0]
    world.ending.lives.insert(0, replace(life, boot=1, journal={}, cut=True))
    world.witness.lives.insert(0, Samples())
    world.ending.lives[1].heard = b""


def take_one_reading_for_another(world: World) -> None:
    for codes in world.witness.lives[-1].codes:
        codes[3], codes[4] = codes[4], codes[3]


def measure_later(world: World) -> None:
    world.witness.lives[-1].at_ns[3] += 10**9


def execute(world: World, statement: str) -> None:
    with sqlite3.connect(world.server.database) as connection:
        connection.create_function("reading_checksum", 7, lambda *_: 0)
        connection.execute(statement)
    connection.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    worlds = []

    def make() -> World:
        made = World(trial_of("lost-answer@1"), images(), tmp_path_factory.mktemp("world"))
        made.run()
        worlds.append(made)
        return made

    yield make
    for one in worlds:
        one.server.close()


@pytest.mark.parametrize(
    ("tamper", "complaint"),
    [
        (take_a_reading_away, "acknowledged, but not stored: [(2, 3)]"),
        (take_an_entry_away, "entries for the cloud"),
        (log_a_line_twice, "logged out of order, or twice"),
        (take_a_line_away, "stored, but not logged"),
        (count_too_many, "readings are missing, and 40 are counted"),
        (let_the_watchdog_bite, "the chip reset itself"),
        (use_up_the_stack, "199 bytes of stack were free"),
        (let_boot_go_back, "boot 2 comes after boot 2"),
        (lose_a_reading_of_the_journal, "was in the journal, and is not stored: [(2, 9999)]"),
        (acknowledge_what_is_not_there, "acknowledged, but not stored: [(2, 9999)]"),
        (acknowledge_what_was_not_asked, "acknowledgements, the wire saw 0"),
        (acknowledge_before_the_cut, "boot 2 counts"),
        (take_one_reading_for_another, "(2, 3) was"),
        (measure_later, "(2, 3) is stored as if taken -"),
    ],
)
def test_the_judge_notices(
    world: Callable[[], World], tamper: Callable[[World], None], complaint: str
) -> None:
    made = world()
    assert list(harms(made)) == []
    tamper(made)
    assert complaint in "; ".join(harms(made))


def test_a_reading_may_be_acknowledged_in_two_lives(world: Callable[[], World]) -> None:
    """The power can go when the device has counted it, and its journal still holds it."""
    made = world()
    made.ending.lives.insert(0, replace(made.ending.lives[0], boot=1, journal={}, cut=True))
    made.witness.lives.insert(0, Samples())
    assert list(harms(made)) == []


class Forgetful:
    """A server with a defect: after two certain faults it acknowledges a request that it does not store."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._server: Server = world.server
        self._right = world.server.application
        self._forgotten = False
        world.server.application = self.application  # type: ignore[method-assign]

    def application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        struck = {type(stroke.fault) for stroke in self._world.injection.happened}
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        post = parse_post(
            b"POST\r\nAuthorization: " + environ["HTTP_AUTHORIZATION"].encode() + b"\r\n\r\n" + body
        )
        assert post
        new = {identity[1:] for identity in post.readings()} - self._server.stored().keys()
        if self._forgotten or not new or not struck >= {ServerRestart, LostAnswer}:
            return self._right(environ, start_response)
        self._forgotten = True
        start_response("204 NO CONTENT", [("Unolink-Tag", answer_tag(KEY, 204, post.tag))])
        return []


def test_a_defect_that_takes_two_faults_is_shrunk_to_them() -> None:
    trial = trial_of("boot-garbage; server-restart@1,seconds=0.5; lost-answer@3; reset@6", interval_ms=1_000)

    def attempt(plan: Plan) -> str:
        return try_one(replace(trial, plan=plan), begin=plant)

    def plant(world: World) -> None:
        Forgetful(world)

    plan, harm = shrink(trial.plan, attempt)
    assert str(plan) == "server-restart@1,seconds=0.5; lost-answer@3"
    assert "readings are missing, and" in harm
    assert attempt(Plan.parse(str(plan), seed=plan.seed, catalogue=ALL_FAULTS)) == harm


def test_what_holds_is_not_shrunk() -> None:
    with pytest.raises(HoldsError, match="it holds: boot-garbage"):
        shrink(Plan((parse_fault("boot-garbage"),)), lambda _plan: "")


def test_the_shrinker_runs_a_plan_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def attempt(trial: Trial) -> str:
        return "it fails" if BootGarbage(3) in trial.plan.faults else ""

    monkeypatch.setitem(shrinker.SHRINKABLE, "garbled", Shrinkable(garbled.trial, attempt))
    arguments = ["shrink", "garbled", "7", "dns-failure@1; boot-garbage,count=3; keys-gone@2"]
    monkeypatch.setattr("sys.argv", arguments)
    assert shrinker.main() == 1
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["it fails", "plan  boot-garbage,count=3"]
    monkeypatch.setattr("sys.argv", ["shrink", *shlex.split(told[2].partition("campaign.whole.shrink")[2])])
    assert shrinker.main() == 1
    monkeypatch.setattr("sys.argv", ["shrink", "garbled", "7", "dns-failure@1"])
    assert shrinker.main() == 0
    assert capsys.readouterr().out.endswith("it holds: dns-failure@1\n")
    monkeypatch.setattr("sys.argv", ["shrink", "garbled", "7", "dns-failures@1"])
    with pytest.raises(SystemExit):
        shrinker.main()
    assert "did you mean dns-failure" in capsys.readouterr().err
