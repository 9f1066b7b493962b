"""The server's store under power cuts and failing disk calls; `make campaign` does more of the same."""

import errno
from pathlib import Path

import pytest

from campaign.disk_record import build_spy
from campaign.store_crashes import crash_the_store
from campaign.store_faults import fail_the_disk, open_on_a_failing_disk

pytestmark = pytest.mark.system
STATES = 1_000


@pytest.fixture(scope="module")
def spy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_spy(tmp_path_factory.mktemp("spy"))


def test_no_power_cut_takes_an_acknowledged_reading(spy: Path, tmp_path: Path) -> None:
    verdicts = list(crash_the_store(STATES, tmp_path, spy))
    assert len(verdicts) == STATES
    assert [verdict for verdict in verdicts if verdict.harm] == []


def test_a_store_that_does_not_sync_is_caught(spy: Path, tmp_path: Path) -> None:
    verdicts = list(crash_the_store(500, tmp_path, spy, pragmas=("synchronous=NORMAL",)))
    assert sum("acknowledged readings are missing" in verdict.harm for verdict in verdicts) > 100


def test_no_failing_call_takes_an_acknowledged_reading(spy: Path, tmp_path: Path) -> None:
    outcomes = list(fail_the_disk(60, tmp_path, spy))
    assert [outcome for outcome in outcomes if outcome.harm] == []
    assert sum(outcome.refused > 0 for outcome in outcomes) > 10


def test_a_store_opens_soundly_or_not_at_all(spy: Path, tmp_path: Path) -> None:
    outcomes = list(open_on_a_failing_disk(tmp_path, spy, errno.EIO))
    assert len(outcomes) > 20
    assert [outcome for outcome in outcomes if outcome.harm] == []
