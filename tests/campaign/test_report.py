"""The report of a campaign, from results that are made up."""

from collections.abc import Iterator

from campaign.claims import Claim
from campaign.report import report
from campaign.results import Tried


def never(_trials: range) -> Iterator[str]:
    raise NotImplementedError


CLAIM = Claim("made-up", "Nothing is lost", each_push=1, campaign=1_000, at_once=10, tries=never)


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| made-up")]


def test_a_row_has_what_came_of_all_ranges() -> None:
    results = [Tried("made-up", 10, 10, [], 2.0), Tried("made-up", 0, 10, [], 1.0)]
    text = report([CLAIM], {"0123abcd": [*results, Tried("another", 0, 5, ["bad"], 1.0)]})
    assert rows(text) == ["| made-up | Nothing is lost | 20 | 1,000 | 0 to 19 | 0 | 150 | `0123abcd` |"]
    assert "## Violations" not in text


def test_a_trial_takes_so_many_milliseconds() -> None:
    for wall_s, told in ((0.0036, "0.36"), (0.168, "16.8"), (152.1, "15,210")):
        text = report([CLAIM], {"0123abcd": [Tried("made-up", 0, 10, [], wall_s)]})
        assert rows(text) == [
            f"| made-up | Nothing is lost | 10 | 1,000 | 0 to 9 | 0 | {told} | `0123abcd` |"
        ]


def test_what_was_violated_is_told() -> None:
    text = report([CLAIM], {"0123abcd": [Tried("made-up", 30, 10, ["trial 31: one is lost"], 1.0)]})
    assert rows(text) == ["| made-up | Nothing is lost | 10 | 1,000 | 30 to 39 | 1 | 100 | `0123abcd` |"]
    assert "- made-up, trial 31: one is lost\n" in text


def test_a_claim_that_was_not_tried_says_so() -> None:
    assert rows(report([CLAIM], {"0123abcd": []})) == [
        "| made-up | Nothing is lost | 0 | 1,000 | none | 0 | 0 | none |"
    ]


def test_what_was_tried_again_stands_in_place_of_what_was_tried_before() -> None:
    before = [Tried("made-up", 0, 10, ["trial 3: a lie"], 1.0), Tried("made-up", 10, 10, [], 2.0)]
    again = Tried("made-up", 0, 10, [], 1.0)
    parts = [Tried("made-up", 17, 3, ["trial 18: a lie"], 1.0), Tried("made-up", 10, 1, ["a lie"], 1.0)]
    text = report([CLAIM], {"fresh": [again, *parts], "stale": before})
    assert rows(text) == ["| made-up | Nothing is lost | 20 | 1,000 | 0 to 19 | 0 | 150 | `fresh`, `stale` |"]
    assert "a lie" not in text
