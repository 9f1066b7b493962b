"""What a network still has to deliver, in the order of the instants at which it is due."""

import heapq
import itertools
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Schedule(Generic[Item]):
    """Items that are due at instants in ns."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._items: list[tuple[int, int, Item]] = []

    def add(self, at_ns: int, item: Item) -> None:
        """Let an item become due at an instant."""
        heapq.heappush(self._items, (at_ns, next(self._order), item))

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the earliest item, or None if there is none."""
        return self._items[0][0] if self._items else None

    def pop_due(self, now_ns: int) -> tuple[int, Item] | None:
        """Remove and return the earliest item with its instant, or None if none is due."""
        if not self._items or self._items[0][0] > now_ns:
            return None
        at_ns, _, item = heapq.heappop(self._items)
        return at_ns, item

    def drop(self, unwanted: Callable[[Item], bool]) -> None:
        """Forget the items for which a condition holds."""
        self._items = [entry for entry in self._items if not unwanted(entry[2])]
        heapq.heapify(self._items)
