"""Threads for work that waits: as many as there is work for, up to a limit, and then a queue.

`concurrent.futures` would make a future for each piece of work, which nobody asks for here.
"""

import queue
import threading
from collections.abc import Callable

Work = Callable[[], object]


class Workers:
    """Runs work in threads. `put` and `close` are for one thread.

    Args:
        threads_max: How many there may be.
        failed: Hears what a piece of work raised.
    """

    def __init__(self, threads_max: int, failed: Callable[[Exception], None]) -> None:
        self._threads_max = threads_max
        self._failed = failed
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def put(self, work: Work) -> None:
        """Have a piece of work done."""
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._threads_max:
            name = f"request-{len(self._threads)}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._waiting.put(work)

    def close(self) -> None:
        """Do what was put, and end the threads."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - the thread has more to do
                self._failed(error)
            self._idle.release()
