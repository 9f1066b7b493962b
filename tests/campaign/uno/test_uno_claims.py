"""The claims about the Uno: samples of them, and whether they would notice a defect."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from campaign.claims import CLAIMS
from campaign.uno import device_year, garbled, power_cuts, single_faults
from campaign.uno.witness import boot_of, journal_of
from campaign.whole.whole_system import images, try_one
from campaign.whole.world import World
from system.node_bench import make_bench
from unosim.board import Board
from unosim.cable import Cable
from unosim.faults import Plan

pytestmark = pytest.mark.system


def test_the_eeprom_is_read_as_the_firmware_reads_it() -> None:
    bench = make_bench(images()["uno"], interval_ms="200")
    bench.server.status = 503
    bench.simulation.run_to(15)
    board = Board(bench.image.flash, eeprom=bench.board.eeprom)
    held = journal_of(bench.board.eeprom)
    cable = Cable(board)
    cable.open()
    status = dict(line.rsplit(" ", 1) for line in cable.do("status"))
    assert boot_of(board.eeprom) == int(status["boot"]) == boot_of(bench.board.eeprom) + 1
    assert len(held) == 25
    assert int(status["waiting"]) == len(journal_of(board.eeprom)) == len(held)


def test_power_cuts() -> None:
    assert list(power_cuts.tries(range(60))) == [""] * 60


@pytest.mark.parametrize(
    ("name", "blind", "complaint"),
    [
        ("boot_of", lambda _eeprom: 7, "boot 7 comes after boot 7"),
        ("REBOOT_S", 0.01, "it does not come back"),
        ("RECOVERY_S", 0.001, "it does not deliver"),
    ],
)
def test_a_power_cut_that_does_harm_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, blind: object, complaint: str
) -> None:
    monkeypatch.setattr(power_cuts, name, blind)
    assert any(complaint in harm for harm in power_cuts.tries(range(30)))


def test_a_journal_that_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(10**6))

    def forgetful(eeprom: bytes) -> dict[tuple[int, int], dict[str, int]]:
        held = journal_of(eeprom)
        return held if next(times) % 2 else dict(list(held.items())[1:])

    monkeypatch.setattr(power_cuts, "journal_of", forgetful)
    assert any("was in the journal, and is no more" in harm for harm in power_cuts.tries(range(200)))


def test_every_fault_at_every_byte_has_its_number() -> None:
    faults = single_faults.all_faults()
    assert len(faults) <= single_faults.TRIALS < 1.02 * len(faults)
    numbers = range(len(faults))
    assert {single_faults.fault_of(number) for number in numbers} == set(faults)
    first = [single_faults.fault_of(number) for number in range(100)]
    assert {profile for profile, _ in first} == {profile for profile, _ in faults}
    assert {type(fault) for _, fault in first} == {type(fault) for _, fault in faults}


def test_a_single_fault() -> None:
    assert list(single_faults.tries(range(3))) == [""] * 3


def test_noise_strikes_and_costs_nothing() -> None:
    strokes = []

    def also(world: World) -> Iterator[str]:
        strokes.append(len(world.injection.happened))
        return garbled.given_up(world)

    assert [try_one(garbled.trial(number), also=also) for number in (1, 3)] == ["", ""]
    assert min(strokes) > 3


def test_a_reading_that_was_given_up_under_noise_is_noticed() -> None:
    def also(world: World) -> Iterator[str]:
        life = world.ending.lives[-1]
        life.counters = life.counters._replace(lost=1)
        return garbled.given_up(world)

    assert "readings were given up" in try_one(garbled.trial(1), also=also)


@pytest.mark.parametrize(
    ("number", "boot", "clock_ms"),
    [(4, 2, range(1, 60_000)), (5, 65_531, range(1 << 31, (1 << 31) + 60_000))],
)
def test_a_week_begins_where_it_should(number: int, boot: int, clock_ms: range) -> None:
    """The numbers of readings pass 2^16, and the clock wraps or its sign would."""

    def also(world: World) -> Iterator[str]:
        stored = world.server.stored()
        assert {of for of, _ in stored} == {boot}
        assert min(seq for _, seq in stored) == 65_500
        assert max(seq for _, seq in stored) > 65_540
        clock = device_year.address_of(world.image, "clock")
        assert int.from_bytes(world.simulation.board.read_data(clock, 4), "little") in clock_ms
        return iter(())

    plan = Plan.parse("lost-answer@90", seed=1)
    assert device_year.try_week(replace(device_year.trial(number), plan=plan), also=also) == ""


def test_claims_name_as_many_trials_as_there_are() -> None:
    trials = {claim.name: claim.campaign for claim in CLAIMS}
    assert trials["single-faults"] == single_faults.TRIALS
    assert trials["device-year"] == device_year.WEEKS
