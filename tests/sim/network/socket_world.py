"""Waits for a network of real sockets as the driver does."""

import select
import time
from collections.abc import Callable

from unosim.modem import events
from unosim.network.sockets import SocketNetwork

WAIT_S = 10.0
Told = list[events.NetworkEvent]


def settle(network: SocketNetwork, enough: Callable[[Told], bool]) -> Told:
    """Poll until there is enough; fail if it takes too long."""
    told: Told = []
    give_up_s = time.monotonic() + WAIT_S
    while not enough(told):
        assert time.monotonic() < give_up_s, f"only {told}"
        told += network.poll(time.monotonic_ns())
        select.select(network.readers(), network.writers(), [], 0.001)
    return told
