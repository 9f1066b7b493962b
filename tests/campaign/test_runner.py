"""The runner, over claims that are made up."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign import results as results_module
from campaign import runner
from campaign.__main__ import INTERRUPTED
from campaign.claims import CLAIMS, Claim, Tries
from campaign.results import ROOT, Results, Tried
from campaign.runner import ProcessDiedError, Task, summary, tasks_of


def odd_ones_fail(trials: range) -> Iterator[str]:
    for trial in trials:
        yield "odd" if trial % 2 else ""


def breaks_down(trials: range) -> Iterator[str]:
    yield ""
    raise OSError(f"no disk in {trials}")


def forgets_the_last(trials: range) -> Iterator[str]:
    yield from [""] * (len(trials) - 1)


def claim(tries: Tries, at_once: int = 10) -> Claim:
    return Claim("made-up", "Nothing", each_push=1, campaign=1, at_once=at_once, tries=tries)


@pytest.mark.parametrize(
    ("first", "trials", "ranges"),
    [
        (0, 25, [range(10), range(10, 20), range(20, 25)]),
        (0, 3, [range(3)]),
        (17, 1, [range(17, 18)]),
        (8, 4, [range(8, 10), range(10, 12)]),
    ],
)
def test_ranges_begin_at_multiples(first: int, trials: int, ranges: list[range]) -> None:
    assert [task.trials for task in tasks_of(claim(odd_ones_fail), first, trials)] == ranges


@pytest.mark.parametrize(
    ("tries", "violations"),
    [
        (odd_ones_fail, ["trial 11: odd", "trial 13: odd"]),
        (breaks_down, ["trial 11: OSError: no disk in range(10, 14)"]),
        (forgets_the_last, ["3 trials were run instead of 4"]),
    ],
)
def test_what_comes_of_a_range(monkeypatch: pytest.MonkeyPatch, tries: Tries, violations: list[str]) -> None:
    monkeypatch.setattr(runner, "CLAIMS", (claim(tries),))
    tried = runner.run_task(Task("made-up", range(10, 14)))
    assert tried.violations == violations
    assert (tried.first, tried.trials) == (10, 4)


def test_results_are_kept_and_a_torn_line_is_not(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results = Results(path)
    one, two = Tried("made-up", 0, 10, [], 1.0), Tried("made-up", 10, 10, ["trial 11: odd"], 2.0)
    results.add(one)
    results.add(two)
    with path.open("a") as file:
        file.write('{"claim": "made')
    assert list(results.read()) == [one, two]
    assert list(summary([claim(odd_ones_fail)], [one, two])) == [
        "made-up                     20 trials  1 violations  3 s of processes"
    ]


@pytest.mark.parametrize(("name", "kept"), [("0123abcd", 1), ("0123abcd-changed", 0)])
def test_what_is_of_no_commit_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kept: int
) -> None:
    monkeypatch.setattr(results_module, "FOLDER", tmp_path)
    monkeypatch.setattr(results_module, "commit", lambda: name)
    Results.of_this_commit(keep=True).add(Tried("made-up", 0, 10, [], 1.0))
    assert len(list(tmp_path.iterdir())) == kept


def test_a_finished_range_is_not_run_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    tried = Tried("no such claim", 0, 10, [], 1.0)
    results.add(tried)
    assert runner.run([Task("no such claim", range(10))], results, 1) == [tried]


def test_processes_are_replaced_and_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TASKS_OF_A_PROCESS", 2)
    tasks = [Task("forgeries", range(first, first + 1)) for first in range(3)]
    done = runner.run(tasks, Results(None), 1)
    assert sorted(tried.first for tried in done) == [0, 1, 2]
    assert [tried.violations for tried in done] == [[]] * 3


def test_a_run_that_is_to_stop_begins_nothing_more(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    tasks = [Task("forgeries", range(first, first + 1)) for first in range(3)]
    done = runner.run(tasks, results, 1, stopping=lambda: bool(list(results.read())))
    assert done == list(results.read())
    assert len(done) == 1


def test_a_process_that_dies_is_told_with_what_it_ran() -> None:
    def kill_all() -> bool:
        for process in multiprocessing.active_children():
            process.kill()
        return False

    with pytest.raises(
        ProcessDiedError, match="one of these:\n  make campaign ARGS='forgeries --first 0 --trials"
    ):
        runner.run([Task("forgeries", range(1_000_000))], Results(None), 1, stopping=kill_all)


def start_campaign() -> subprocess.Popen[str]:
    """Start one that takes minutes, and return it when its first range is done."""
    campaign = subprocess.Popen(
        [sys.executable, "-m", "campaign", "forgeries", "--trials", "900000", "--each-push"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert campaign.stderr
    assert campaign.stderr.readline().startswith("1/450 forgeries")
    return campaign


def test_what_runs_when_it_is_interrupted_is_finished() -> None:
    with start_campaign() as campaign:
        os.killpg(campaign.pid, signal.SIGINT)  # as a terminal does
        out, err = campaign.communicate(timeout=60)
    assert campaign.returncode == INTERRUPTED
    assert "interrupted: " in err
    assert "Traceback" not in err
    assert "0 violations" in out


def test_no_process_outlives_a_killed_campaign() -> None:
    with start_campaign() as campaign:
        campaign.kill()
        campaign.communicate(timeout=60)  # to the end of pipes of which each process has an end
    assert campaign.returncode == -signal.SIGKILL


def test_nothing_is_finished_when_it_is_interrupted_twice() -> None:
    with start_campaign() as campaign:
        campaign.send_signal(signal.SIGINT)
        assert campaign.stderr
        while not campaign.stderr.readline().startswith("interrupted: "):
            pass
        campaign.send_signal(signal.SIGINT)
        out, _ = campaign.communicate(timeout=60)
    assert campaign.returncode == INTERRUPTED
    assert not out


def test_the_table_of_claims_is_one() -> None:
    assert len({one.name for one in CLAIMS}) == len(CLAIMS)
    assert all(0 < one.each_push <= one.campaign for one in CLAIMS)
