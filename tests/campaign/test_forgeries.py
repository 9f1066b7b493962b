"""Changed, made up and repeated requests against the server's application."""

from pathlib import Path

import pytest

from campaign.forgeries import CHANGES, attack

pytestmark = pytest.mark.system
ATTEMPTS = 1_000


def test_nobody_without_the_key_gets_a_reading_in(tmp_path: Path) -> None:
    attempts = list(attack(ATTEMPTS, tmp_path))
    assert [attempt.harm for attempt in attempts if attempt.harm] == []
    assert {name for attempt in attempts for name in attempt.changes} == {one.__name__ for one in CHANGES}
    refused = sum(not attempt.genuine for attempt in attempts)
    assert refused > ATTEMPTS / 2
    assert refused < ATTEMPTS
