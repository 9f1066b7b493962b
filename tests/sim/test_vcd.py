"""Value change dumps, text for text."""

import io

import pytest

from unosim.vcd import Signal, VcdWriter


def test_a_dump_is_this_text() -> None:
    file = io.StringIO()
    writer = VcdWriter(file, "uno", [Signal("D0", 1), Signal("D13", 0)])
    writer.change(62, "D13", 1)
    writer.change(62, "D0", 0)
    writer.change(40, "D0", 0)  # told late
    writer.change(90, "D0", 0)  # no change
    writer.flush(100)
    writer.change(150, "D13", 0)
    writer.flush(149)
    assert "#150" not in file.getvalue()
    writer.end(200)
    assert file.getvalue().splitlines() == [
        "$version unosim $end",
        "$timescale 1 ns $end",
        "$scope module uno $end",
        "$var wire 1 ! D0 $end",
        '$var wire 1 " D13 $end',
        "$upscope $end",
        "$enddefinitions $end",
        "#0",
        "$dumpvars",
        "1!",
        '0"',
        "$end",
        "#40",
        "0!",
        "#62",
        '1"',
        "#150",
        '0"',
        "#200",
    ]


def test_a_change_at_the_start_and_an_end_at_the_last_change() -> None:
    file = io.StringIO()
    writer = VcdWriter(file, "uno", [Signal("D0", 1)])
    writer.change(0, "D0", 0)
    writer.change(5, "D0", 1)
    writer.end(5)
    assert file.getvalue().splitlines()[-4:] == ["$end", "0!", "#5", "1!"]


def test_there_are_94_identifiers() -> None:
    VcdWriter(io.StringIO(), "uno", [Signal(str(n), 0) for n in range(94)])
    with pytest.raises(ValueError, match="more than 94 signals"):
        VcdWriter(io.StringIO(), "uno", [Signal(str(n), 0) for n in range(95)])
