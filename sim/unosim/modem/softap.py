"""The module's own access point, seen from the host: who is there, and what is said about it.

What it does not do: frames between guests, or a guest's wrong password. A guest gets the next address of the
lease range, as long as the access point's half of DHCP is on.
"""

import ipaddress
from dataclasses import dataclass

from unosim.modem.context import Context
from unosim.modem.replies import line
from unosim.modem.settings import DHCP_SOFTAP, SOFTAP


@dataclass
class Guest:
    """A station in the module's network; the address is empty until it has one."""

    mac: str
    address: str = ""


class SoftAp:
    """Keeps the guests.

    Args:
        context: the shared parts of the engine.
    """

    def __init__(self, context: Context) -> None:
        self.guests: list[Guest] = []
        self._context = context

    def reset(self) -> None:
        """Send everybody away without a word."""
        self.guests.clear()

    def guest_joined(self, mac: str) -> None:
        """Let a station in, if the access point is on and has room."""
        running = self._context.running
        known = any(guest.mac == mac for guest in self.guests)
        if known or not running.mode & SOFTAP or len(self.guests) >= running.softap.guests_max:
            return
        guest = Guest(mac)
        self.guests.append(guest)
        self._say(f'+STA_CONNECTED:"{mac}"')
        if running.dhcp & DHCP_SOFTAP:
            self._context.kernel.after(self._context.profile.guest_dhcp_ns, lambda: self._lease(guest))

    def dismiss(self) -> None:
        """Send everybody away: the access point is switched off, or becomes another."""
        for guest in list(self.guests):
            self.guest_left(guest.mac)

    def expel(self, mac: str) -> bool:
        """Send a station away without a word to the host; return whether it was there."""
        guest = next((one for one in self.guests if one.mac == mac), None)
        if guest:
            self.guests.remove(guest)
        return guest is not None

    def guest_left(self, mac: str) -> None:
        """Let a station go."""
        if self.expel(mac):
            self._say(f'+STA_DISCONNECTED:"{mac}"')

    def _lease(self, guest: Guest) -> None:
        leases = self._context.running.leases
        first, last = (int(ipaddress.IPv4Address(end)) for end in (leases.first, leases.last))
        taken = {one.address for one in self.guests}
        free = (str(ipaddress.IPv4Address(number)) for number in range(first, last + 1))
        address = next((one for one in free if one not in taken), None)
        if address and guest in self.guests:
            guest.address = address
            self._say(f'+DIST_STA_IP:"{guest.mac}","{address}"')

    def _say(self, text: str) -> None:
        if self._context.profile.announces_guests:
            self._context.announce(line(text))
