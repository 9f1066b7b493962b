"""The ESP-01 that somebody asks for: which firmware, which access points, which one of its kind; its routes.

This is what a person chooses, on the command line or in a URL, and what a recording remembers. No I/O.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from unosim.errors import UsageError
from unosim.modem import NONOS_1_7_4, PROFILES, AccessPoint, Modem, Profile, Radio, Settings

DEFAULT_ACCESS_POINT = AccessPoint("lab", "secret-key")
"""What is in range when nothing is chosen."""

Address = tuple[str, int]


@dataclass(frozen=True)
class Module:
    """One ESP-01 and what its antenna hears."""

    profile: Profile = NONOS_1_7_4
    access_points: tuple[AccessPoint, ...] = (DEFAULT_ACCESS_POINT,)
    seed: int = 0
    """Makes one module differ from another: its MAC address follows from it."""
    welcoming: bool = False
    """Whether every other name is heard too, and any password is right: the world of the bridge."""

    @property
    def factory_mac(self) -> str:
        """Return the MAC address, in a range of the module's maker."""
        tail = random.Random(self.seed).randbytes(3)  # noqa: S311  # repeatable, no secret
        return "5c:cf:7f:" + tail.hex(":")

    def make(self, flash: Settings | None = None) -> Modem:
        """Return the modem, not powered yet; its flash is erased if nothing is said about it."""
        radio = Radio(self.access_points, welcoming=self.access_points[0] if self.welcoming else None)
        return Modem(self.profile, radio=radio, settings=flash, factory_mac=self.factory_mac)


def choose(
    *,
    profile: str = NONOS_1_7_4.name,
    ssids: Sequence[str] = (),
    passwords: Sequence[str] = (),
    seed: int = 0,
) -> Module:
    """Return the module that was asked for.

    Args:
        profile: the name of a firmware version.
        ssids: the access points in range; none for the default one.
        passwords: the first belongs to the first access point and so on; one that is empty or left out makes
            an open network.
        seed: any number.

    Raises:
        UsageError: there is no such profile, or a password without its access point.
    """
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}", hint=f"there are: {', '.join(sorted(PROFILES))}")
    if len(passwords) > len(ssids):
        raise UsageError(
            f"{len(passwords)} passwords for {len(ssids)} access points",
            hint="name the SSID of each password",
        )
    if not ssids:
        return Module(PROFILES[profile], seed=seed)
    padded = [*passwords, *[""] * (len(ssids) - len(passwords))]
    points = [
        AccessPoint(ssid, password, bssid=f"02:00:00:00:00:{number:02x}")
        for number, (ssid, password) in enumerate(zip(ssids, padded, strict=True), 1)
    ]
    return Module(PROFILES[profile], tuple(points), seed)


def parse_address(text: str) -> Address:
    """Return the host and the port of `HOST:PORT`.

    Raises:
        UsageError: the text is none, or the port is not from 0 to 65535.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        raise UsageError(f"not an address: {text!r}", hint="write HOST:PORT, such as 127.0.0.1:4000")
    return host, int(port)


def parse_inbound(texts: Sequence[str]) -> dict[int, Address]:
    """Return the doors of texts `PORT=HOST:PORT`: a port of the module, and where callers find it.

    Raises:
        UsageError: a text is none, or the module has no such port.
    """
    doors = {}
    for text in texts:
        port, separator, real = text.partition("=")
        if not separator or not port.isascii() or not port.isdigit() or not 0 < int(port) <= 0xFFFF:
            raise UsageError(
                f"no port of the module and where callers find it: {text!r}",
                hint="write PORT=HOST:PORT, such as 80=127.0.0.1:8080; port 0 there is any that is free",
            )
        doors[int(port)] = parse_address(real)
    return doors


def parse_routes(texts: Sequence[str]) -> dict[Address, Address]:
    """Return the routes of texts `HOST:PORT=HOST:PORT`: what the module asks for, and where that really is.

    Raises:
        UsageError: a text is none.
    """
    routes = {}
    for text in texts:
        asked, separator, real = text.partition("=")
        if not separator:
            raise UsageError(
                f"not a route: {text!r}",
                hint="write HOST:PORT=HOST:PORT, such as server.lan:80=127.0.0.1:8080",
            )
        routes[parse_address(asked)] = parse_address(real)
    return routes
