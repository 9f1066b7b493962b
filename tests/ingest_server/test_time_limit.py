"""One limit for many: who is late, who is not, and whose cancelling is not ours."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from unoingest.time_limit import TimeLimit

LATE = "late and going on with 0 left"


@dataclass
class Waiters:
    """Coroutines that wait for ever under one limit of ten seconds, by a clock of the test's own."""

    now_s: float = 0.0
    limit: TimeLimit = field(default_factory=lambda: TimeLimit(10))
    ends: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def begin(self, name: str, awaited: Coroutine[Any, Any, Any] | None = None) -> None:
        async def wait() -> None:
            try:
                await self.limit.within(awaited or asyncio.Event().wait())
                self.ends[name] = "done"
            except TimeoutError:
                self.ends[name] = "late"
                # a cancelling that is left over would end an `asyncio.timeout` around this
                task = asyncio.current_task()
                assert task is not None
                self.ends[name] += f" and going on with {task.cancelling()} left"
            except asyncio.CancelledError:
                self.ends[name] = "cancelled"

        self.tasks[name] = asyncio.create_task(wait())
        await self.at(self.now_s)

    async def at(self, now_s: float) -> dict[str, str]:
        self.now_s = now_s
        for _ in range(6):
            await asyncio.sleep(0)
        return self.ends


@pytest.fixture
def waiters() -> Waiters:
    return Waiters()


def run(waiters: Waiters, story: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner() as runner:
        runner.get_loop().time = lambda: waiters.now_s  # type: ignore[method-assign] # the test's clock
        runner.run(story)


def test_each_has_the_whole_time_and_no_more(waiters: Waiters) -> None:
    async def story() -> None:
        await waiters.begin("first")
        await waiters.at(4)
        await waiters.begin("second")
        assert await waiters.at(9.9) == {}
        assert await waiters.at(10.1) == {"first": LATE}
        assert await waiters.at(13.9) == {"first": LATE}
        assert await waiters.at(14.1) == dict.fromkeys(("first", "second"), LATE)
        await waiters.begin("third")
        assert "third" not in await waiters.at(24)
        assert (await waiters.at(24.2))["third"] == LATE

    run(waiters, story())


def test_who_ends_in_time_hears_nothing_later(waiters: Waiters) -> None:
    async def story() -> None:
        await waiters.begin("short", asyncio.sleep(0))
        await waiters.begin("long")
        assert await waiters.at(1) == {"short": "done"}
        assert await waiters.at(10.1) == {"short": "done", "long": LATE}

    run(waiters, story())


def test_another_ones_cancelling_is_no_lateness(waiters: Waiters) -> None:
    async def story() -> None:
        await waiters.begin("first")
        waiters.tasks["first"].cancel()
        assert await waiters.at(1) == {"first": "cancelled"}
        assert await waiters.at(11) == {"first": "cancelled"}

    run(waiters, story())


def test_an_error_is_passed_on(waiters: Waiters) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def story() -> None:
        with pytest.raises(ZeroDivisionError):
            await waiters.limit.within(fail())

    run(waiters, story())
