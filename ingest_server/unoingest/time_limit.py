"""One time limit for many waiting coroutines, with one timer for all of them.

`asyncio.timeout` makes and cancels a timer for each; a limit that hardly ever strikes shall cost less than
that. It knows nothing of what is waited for.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class TimeLimit:
    """Ends what takes too long. For the coroutines of one event loop.

    Args:
        limit_s: How long each may wait, in seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        # since when each task waits, in the order in which they began
        self._since_s: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._is_watching = False

    async def within(self, awaited: Awaitable[T]) -> T:
        """Return what `awaited` comes to.

        Raises:
            TimeoutError: it took too long, and was cancelled.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine is run by a task
        self._since_s[task] = loop.time()
        if not self._is_watching:
            self._is_watching = True
            loop.call_later(self._limit_s, self._watch, loop)
        try:
            return await awaited
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.remove(task)
            task.uncancel()
            raise TimeoutError from None
        finally:
            self._since_s.pop(task, None)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel who is late, and come back when the next one would be."""
        due_s = loop.time() - self._limit_s
        for task, since_s in list(self._since_s.items()):
            if since_s > due_s:
                loop.call_later(since_s - due_s, self._watch, loop)
                return
            del self._since_s[task]
            self._late.add(task)
            task.cancel()
        self._is_watching = False
