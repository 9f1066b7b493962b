"""Changed, made up and repeated requests against the server's application, and the gateway's."""

from pathlib import Path
from typing import Any

import pytest

from campaign.server.forgeries import CHANGES, attack, gateway, server

pytestmark = pytest.mark.system
ATTEMPTS = 1_000


@pytest.mark.parametrize("make", [server, gateway])
def test_nobody_without_the_key_gets_a_reading_in(tmp_path: Path, make: Any) -> None:
    with make(tmp_path) as victim:
        attempts = list(attack(victim, ATTEMPTS))
    assert [attempt.harm for attempt in attempts if attempt.harm] == []
    assert {name for attempt in attempts for name in attempt.changes} == {one.__name__ for one in CHANGES}
    refused = sum(not attempt.genuine for attempt in attempts)
    assert refused > ATTEMPTS / 2
    assert refused < ATTEMPTS
