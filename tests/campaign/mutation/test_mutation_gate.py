"""The table fits the code, and the gate tells a breakage that nobody notices from one that is caught."""

from collections import Counter

import pytest

from campaign.mutation.mutation_gate import ROOT, Mutation, StaleTableError, mutated, read_table, try_out

TABLE = read_table()
FILE = "ingest_server/unoingest/timestamps.py"
TEST = "tests/ingest_server/test_structured_log.py::test_a_reading_in_full"


def test_there_are_breakages_of_every_part() -> None:
    assert Counter(mutation.file.split("/")[0] for mutation in TABLE).keys() == {
        "firmware",
        "sim",
        "ingest_server",
        "bridge",
    }
    assert len(TABLE) >= 36
    assert len({mutation.name for mutation in TABLE}) == len(TABLE)


@pytest.mark.parametrize("mutation", TABLE, ids=lambda mutation: mutation.name)
def test_a_breakage_fits_the_code(mutation: Mutation) -> None:
    source = (ROOT / mutation.file).read_text()
    assert mutated(source, mutation) != source
    file, _, case = mutation.caught_by.partition("::")
    function = case.partition("[")[0]
    wanted = f'TEST_CASE("{case}")' if mutation.on_host else f"def {function}("
    assert wanted in (ROOT / file).read_text()


def test_a_text_must_be_there_once() -> None:
    with pytest.raises(StaleTableError, match="2 times, not once"):
        mutated("a a", Mutation("x", "y", "a", "b", "c::d"))


def test_what_becomes_of_breakages() -> None:
    old = "NS_PER_S = 1_000_000_000"
    noticed, unnoticed, broken = try_out(
        [
            Mutation("noticed", FILE, old, "NS_PER_S = 1_000_000", TEST),
            Mutation("unnoticed", FILE, old, f"{old}  # or so", TEST),
            Mutation("no Python", FILE, old, "NS_PER_S =", TEST),
        ]
    )
    assert noticed == ""
    assert unnoticed == f"unnoticed: {TEST} does not notice"
    assert "no Python: its test does not run" in broken
