"""A person or a test at an Uno's UART, in the place where a simulation has its module. It has no radio."""

from collections.abc import Callable

from unosim.modem import Crash
from unosim.modem.actions import Action, Output, SetBaud
from unosim.modem.events import NetworkEvent


class Terminal:
    """Says what it is given, and hears what the Uno says.

    Args:
        baud: its rate in bits per second at first.
        hear: is given what the Uno has said, as sampled at that rate.
    """

    def __init__(self, baud: int, hear: Callable[[bytes], None]) -> None:
        self._baud = baud
        self._hear = hear
        self._actions: list[Action] = []
        self._due_ns: int | None = None

    @property
    def baud(self) -> int:
        """The UART's rate now, in bits per second."""
        return self._baud

    def set_baud(self, baud: int, now_ns: int) -> None:
        """Run at another rate in bits per second, in both directions."""
        self._baud = baud
        self._do(SetBaud(baud), now_ns)

    def say(self, data: bytes, now_ns: int) -> None:
        """Say bytes to the Uno."""
        self._do(Output(data), now_ns)

    @property
    def patience_bytes(self) -> int:
        """One: each byte is heard when it is complete."""
        return 1

    def receive_window(self, link: int) -> int:
        """Return 0: nothing comes over a network."""
        del link
        return 0

    def next_deadline(self) -> int | None:
        """Return the instant in ns at which something is to be said, or None."""
        return self._due_ns

    def power_on(self, now_ns: int) -> list[Action]:
        """Begin without a word."""
        return self.advance(now_ns)

    def crash(self, crash: Crash, now_ns: int) -> list[Action]:
        """Go on: there is no firmware to die."""
        del crash
        return self.advance(now_ns)

    def receive(self, data: bytes, now_ns: int) -> list[Action]:
        """Take what the Uno said."""
        self._hear(data)
        return self.advance(now_ns)

    def network(self, event: NetworkEvent, now_ns: int) -> list[Action]:
        """Ignore what a network reports."""
        del event
        return self.advance(now_ns)

    def advance(self, now_ns: int) -> list[Action]:
        """Return what is to be said."""
        del now_ns
        actions, self._actions, self._due_ns = self._actions, [], None
        return actions

    def access_point_lost(self, ssid: str, now_ns: int) -> list[Action]:
        """Ignore the air."""
        del ssid
        return self.advance(now_ns)

    def access_point_back(self, ssid: str, now_ns: int) -> list[Action]:
        """Ignore the air."""
        del ssid
        return self.advance(now_ns)

    def guest_joined(self, mac: str, now_ns: int) -> list[Action]:
        """Ignore the air."""
        del mac
        return self.advance(now_ns)

    def guest_left(self, mac: str, now_ns: int) -> list[Action]:
        """Ignore the air."""
        del mac
        return self.advance(now_ns)

    def _do(self, action: Action, now_ns: int) -> None:
        self._actions.append(action)
        self._due_ns = now_ns
