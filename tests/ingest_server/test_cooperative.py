"""Calls that share a thread: who goes on when."""

import contextvars
import functools
import sys
import threading
from collections.abc import Sequence

import greenlet

from unoingest.cooperative import CooperativeCalls, give_way


def test_each_goes_on_when_what_all_wait_for_was_served() -> None:
    story: list[object] = []

    def call(name: str, waits: int) -> None:
        for number in range(waits):
            story.append(f"{name} wants {number}")
            assert give_way(f"{name}{number}")
        story.append(f"{name} ends")

    calls: CooperativeCalls[str] = CooperativeCalls(lambda wanted: story.append(tuple(wanted)))
    calls.run([functools.partial(call, name, waits) for name, waits in (("a", 1), ("b", 0), ("c", 2))])
    assert story == [
        "a wants 0",
        "b ends",
        "c wants 0",
        ("a0", "c0"),
        "a ends",
        "c wants 1",
        ("c1",),
        "c ends",
    ]


def test_without_others_there_is_nobody_to_give_way_to() -> None:
    assert not give_way(17)


def test_each_call_has_its_own_context_and_its_own_exception() -> None:
    seen: list[tuple[int, object]] = []
    errors = [KeyError(number) for number in range(5)]
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    def raises(number: int) -> None:
        raise errors[number]

    def call(number: int) -> None:
        variable.set(number)
        try:
            raises(number)
        except KeyError:
            give_way(number)
            seen.append((variable.get(), sys.exc_info()[1]))

    calls: CooperativeCalls[int] = CooperativeCalls(len)
    for _ in range(2):
        calls.run([functools.partial(call, number) for number in range(5)])
    assert seen == list(enumerate(errors)) * 2


def test_what_makes_a_call_makes_the_next_ones_too() -> None:
    made_by: list[greenlet.greenlet] = []

    def call() -> None:
        made_by.append(greenlet.getcurrent())
        give_way(17)

    calls: CooperativeCalls[int] = CooperativeCalls(len)
    for _ in range(3):
        calls.run([call, call])
    assert (len(made_by), len(set(made_by))) == (6, 2)


def test_threads_do_not_meet() -> None:
    served: list[tuple[str, list[int]]] = []

    def serve(wanted: Sequence[int]) -> None:
        served.append((threading.current_thread().name, list(wanted)))

    calls: CooperativeCalls[int] = CooperativeCalls(serve)

    def run(first: int) -> None:
        for _ in range(3):
            calls.run([functools.partial(give_way, first + number) for number in range(2)])

    for first in (10, 20):
        thread = threading.Thread(target=run, args=[first], name=str(first))
        thread.start()
        thread.join()
    run(30)
    assert served == [(name, [first, first + 1]) for name, first in _THREADS for _ in range(3)]


_THREADS = [("10", 10), ("20", 20), (threading.current_thread().name, 30)]
