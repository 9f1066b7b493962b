"""From the event loop to one thread: who goes together."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from unoingest.front.rounds import QUIET_TURNS, TURNS_MAX, Rounds


@pytest.mark.parametrize(
    ("came", "groups"),
    [
        ([1] + [0] * (QUIET_TURNS - 1), []),
        ([1] + [0] * QUIET_TURNS, [1]),
        ([1, 1, 0, 1, 5, 0, 0, 2, 0, 0], [8, 2]),
        ([1] * (TURNS_MAX - 1), []),
        ([1] * (TURNS_MAX + 9), [TURNS_MAX]),
    ],
)
def test_what_comes_together_goes_together(mocker: Any, came: list[int], groups: list[int]) -> None:
    # without the thread that would take them
    mocker.patch("unoingest.front.rounds.threading.Thread")
    soon: list[Callable[[], object]] = []
    rounds: Rounds[int] = Rounds(mocker.Mock(), soon.append, "rounds")
    for number in came:
        for _ in range(number):
            rounds.take(17)
        if soon:
            soon.pop()()
    waiting = rounds._handed_over
    assert [len(waiting.get() or ()) for _ in range(waiting.qsize())] == groups


def test_all_are_served_in_order_and_who_comes_late_at_once() -> None:
    served: list[tuple[int, str]] = []

    def serve(some: Any) -> None:
        served.extend((one, threading.current_thread().name) for one in some)

    rounds: Rounds[int] = Rounds(serve, lambda _look: None, "rounds")
    for number in range(9):
        rounds.take(number)
    rounds.close()
    rounds.take(9)
    assert served == [*((number, "rounds") for number in range(9)), (9, threading.current_thread().name)]
