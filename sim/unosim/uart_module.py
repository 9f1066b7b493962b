"""What may be wired to a host's UART: the modem engine, one with faults, or a test that plays the module."""

from typing import Protocol

from unosim.modem import Crash
from unosim.modem.actions import Action
from unosim.modem.events import NetworkEvent


class UartModule(Protocol):
    """Takes bytes, network events and instants in ns that never go back; returns what is to be done.

    `unosim.modem.Modem` is the model, and says what each call does.
    """

    @property
    def baud(self) -> int:
        """The UART's rate now, in bits per second."""

    @property
    def patience_bytes(self) -> int:
        """How many bytes that arrive back to back may be given at the instant of the last; at least 1."""

    def receive_window(self, link: int) -> int:
        """Return how many bytes the network may deliver on a link (0-4)."""

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next thing to do, or None if nothing is under way."""

    def power_on(self, now_ns: int) -> list[Action]:
        """Apply power."""

    def crash(self, crash: Crash, now_ns: int) -> list[Action]:
        """Let the firmware die, and boot again."""

    def receive(self, data: bytes, now_ns: int) -> list[Action]:
        """Take bytes that the module's UART has received."""

    def network(self, event: NetworkEvent, now_ns: int) -> list[Action]:
        """Take what the network reports."""

    def advance(self, now_ns: int) -> list[Action]:
        """Let time pass: run what is due."""

    def access_point_lost(self, ssid: str, now_ns: int) -> list[Action]:
        """Let every access point of a network fall silent."""

    def access_point_back(self, ssid: str, now_ns: int) -> list[Action]:
        """Let a network be heard again."""

    def guest_joined(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station come to the module's own access point."""

    def guest_left(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station leave it."""
