"""The harness of bad disks bites, and store and journal open soundly or not at all.

What they do with the calls after that is tried by the claims (`make campaign`), on each push as well.
"""

import errno
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from campaign.disk import journal_crashes, store_crashes
from campaign.disk.crash_runs import IN_MEMORY, Workload, cut_the_power
from campaign.disk.disk_faults import CALLS_MAX, KINDS, TRIALS, fail_the_opening, plan_of
from campaign.disk.disk_record import build_spy

pytestmark = pytest.mark.system
STATES = 400
WORKLOADS = {"store": store_crashes.WORKLOAD, "journal": journal_crashes.WORKLOAD}


@pytest.fixture(scope="module")
def spy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_spy(tmp_path_factory.mktemp("spy"))


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(params=WORKLOADS)
def workload(request: pytest.FixtureRequest) -> Workload:
    return WORKLOADS[request.param]


@pytest.mark.parametrize(
    ("name", "harm"), [("store", "acknowledged readings are missing"), ("journal", "it has forgotten")]
)
def test_commits_that_are_not_synced_are_caught(name: str, harm: str, spy: Path, folder: Path) -> None:
    verdicts = list(cut_the_power(WORKLOADS[name], STATES, folder, spy, pragmas=("synchronous=NORMAL",)))
    assert sum(harm in verdict.harm for verdict in verdicts) > 80


@pytest.mark.parametrize("calls", [1, 203, CALLS_MAX])
def test_the_trials_are_every_call_in_every_way(calls: int) -> None:
    tried = {plan_of(trial, calls) for trial in range(TRIALS)}
    assert tried == {f"{call} {kind}" for call in range(calls) for kind in KINDS}


def test_a_call_that_no_trial_reaches_is_noticed() -> None:
    with pytest.raises(ValueError, match="more than"):
        plan_of(0, CALLS_MAX + 1)


def test_it_opens_soundly_or_not_at_all(workload: Workload, spy: Path, folder: Path) -> None:
    outcomes = list(fail_the_opening(replace(workload, amount=2), folder, spy, errno.EIO))
    assert len(outcomes) > 20
    assert [outcome for outcome in outcomes if outcome.harm] == []
