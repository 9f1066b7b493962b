"""Every single fault at every byte of the canonical dialogue, on every profile: a sample, or all of them."""

import random

import pytest

from system.single_faults import dialogue_bytes, suffer
from unosim.board import Image
from unosim.faults import BusyStorm, DropByte, FlipBit, InsertByte, LinkClosed, Restart, WifiLost, Wire
from unosim.modem import PROFILES

pytestmark = pytest.mark.system
KINDS = [FlipBit, DropByte, InsertByte, Restart, BusyStorm, WifiLost, LinkClosed]


SAMPLES = 2
"""Of each fault on each wire of each profile; another one each time the dialogue changes."""


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_some_bytes(image: Image, profile: str) -> None:
    complaints = {}
    for wire, length_bytes in dialogue_bytes(image, profile).items():
        chance = random.Random(f"{profile} {wire} {length_bytes}")  # noqa: S311  # repeatable, guards no secret
        for kind in KINDS:
            for offset in chance.sample(range(length_bytes), SAMPLES):
                outcome = suffer(image, profile, kind(wire, offset))
                if outcome.complaint:
                    complaints[f"{kind(wire, offset)}"] = outcome.complaint
    assert complaints == {}


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("wire", list(Wire), ids=str)
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_byte(image: Image, profile: str, wire: Wire, kind: type[FlipBit]) -> None:
    complaints = {}
    for offset in range(dialogue_bytes(image, profile)[wire]):
        outcome = suffer(image, profile, kind(wire, offset))
        if outcome.complaint:
            complaints[offset] = outcome.complaint
    assert complaints == {}
