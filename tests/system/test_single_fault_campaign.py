"""Single faults at sampled bytes of the canonical dialogue, on every profile; `make campaign` tries all."""

import random

import pytest

from system.single_faults import KINDS, dialogue_bytes, suffer
from unosim.board import Image
from unosim.modem import PROFILES

pytestmark = pytest.mark.system
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
