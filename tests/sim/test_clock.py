import pytest

from unosim.clock import cycles_at, earliest, ns_at

UNO_HZ = 16_000_000


@pytest.mark.parametrize(
    ("at_ns", "cycle"), [(0, 0), (1, 1), (62, 1), (63, 2), (125, 2), (126, 3), (1_000_000_000, UNO_HZ)]
)
def test_an_instant_maps_to_the_first_cycle_that_is_not_earlier(at_ns: int, cycle: int) -> None:
    assert cycles_at(at_ns, UNO_HZ) == cycle


@pytest.mark.parametrize("clock_hz", [UNO_HZ, 8_000_000, 1_000_000, 20_000_000, 14_745_600])
@pytest.mark.parametrize("cycle", [0, 1, 2, 3, 7, 1_000_003, 16_000_000 * 86_400 * 365])
def test_a_cycle_survives_the_way_to_ns_and_back(cycle: int, clock_hz: int) -> None:
    assert cycles_at(ns_at(cycle, clock_hz), clock_hz) == cycle


def test_the_earliest_deadline_ignores_parts_that_have_none() -> None:
    assert earliest(None, 7, 3, None) == 3
    assert earliest(None, None) is None
