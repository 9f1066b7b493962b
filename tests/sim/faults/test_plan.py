"""Faults and plans as text, and where their chance comes from."""

import pytest

from unosim.faults import (
    CATALOGUE,
    BaudDrift,
    BootGarbage,
    BusyStorm,
    Cause,
    DnsFailure,
    DropByte,
    Fault,
    FaultError,
    FlipBit,
    HalfAnswer,
    InsertByte,
    Plan,
    Restart,
    SlowServer,
    Wire,
    generator,
    parse_fault,
)

TEXTS: list[tuple[str, Fault]] = [
    ("drop-byte:esp>uno@123", DropByte(Wire.TO_UNO, 123)),
    ("drop-byte:uno>esp,chance=0.001", DropByte(Wire.TO_ESP, chance=0.001)),
    ("drop-byte:uno>esp,chance=0.001,until=900", DropByte(Wire.TO_ESP, chance=0.001, until=900)),
    ("flip-bit:uno>esp@0,bit=7", FlipBit(Wire.TO_ESP, 0, bit=7)),
    ("insert-byte:esp>uno@5,byte=0", InsertByte(Wire.TO_UNO, 5, byte=0)),
    ("baud-drift,percent=-2.5", BaudDrift(-2.5)),
    ("restart:uno>esp@80", Restart(Wire.TO_ESP, 80)),
    ("restart:esp>uno@8,cause=exception", Restart(Wire.TO_UNO, 8, Cause.EXCEPTION)),
    ("busy-storm:uno>esp@80", BusyStorm(Wire.TO_ESP, 80)),
    ("busy-storm:uno>esp@80,seconds=0.25", BusyStorm(Wire.TO_ESP, 80, 0.25)),
    ("boot-garbage", BootGarbage()),
    ("dns-failure@1", DnsFailure(1)),
    ("half-answer@0,times=3", HalfAnswer(0, 3)),
    ("slow-server@2,seconds=40.0", SlowServer(2, seconds=40.0)),
]


@pytest.mark.parametrize(("text", "fault"), TEXTS)
def test_a_fault_is_written_and_read(text: str, fault: Fault) -> None:
    assert str(fault) == text
    assert parse_fault(text) == fault


def test_numbers_may_be_hexadecimal() -> None:
    assert parse_fault("insert-byte:esp>uno@0x10,byte=0xff") == InsertByte(Wire.TO_UNO, 16, byte=255)


def test_every_fault_of_the_catalogue_says_what_it_is_in_the_field() -> None:
    for name, kind in CATALOGUE.items():
        assert kind.name == name
        assert kind.__doc__ is not None
        assert ":" in kind.__doc__ or "," in kind.__doc__


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is no fault; write name"),
        ("drop byte", "'drop byte' is no fault; write name"),
        ("drop-byte:esp>uno@12,", "is no fault; write name"),
        ("drop-bytes:esp>uno@12", "no fault is called 'drop-bytes'; did you mean drop-byte?"),
        ("x", "no fault is called 'x'; did you mean absent-server, baud-drift"),
        ("drop-byte:esp>uno", "strikes either at an offset (@123) or with a chance"),
        ("drop-byte:esp>uno@1,chance=0.5", "strikes either at an offset (@123) or with a chance"),
        ("drop-byte:esp>uno@1,until=5", "drop-byte strikes at one offset, so it has no end (,until=)"),
        ("drop-byte:esp>moon@1", "'drop-byte:esp>moon@1' cannot be: 'esp>moon' is not a valid Wire"),
        ("drop-byte@1", "'drop-byte@1' lacks wire; the fields of drop-byte are wire, at, chance"),
        ("drop-byte:esp>uno@1,byte=3", "has no field byte; the fields of drop-byte are"),
        ("dns-failure:esp>uno@1", "has no field wire; the fields of dns-failure are at, times"),
        ("dns-failure@x", "'dns-failure@x' cannot be: invalid literal"),
        ("dns-failure@-1", "at of dns-failure is -1; it may be 0 to 1000000000"),
        ("flip-bit:esp>uno@1,bit=8", "bit of flip-bit is 8; it may be 0 to 7"),
        ("drop-byte:esp>uno,chance=1.5", "chance of drop-byte is 1.5; it may be 0 to 1"),
        ("drop-byte:esp>uno,chance=nan", "chance of drop-byte is nan; it may be 0 to 1"),
        ("slow-server@1,seconds=1e9", "seconds of slow-server is 1000000000.0; it may be 0 to 86400"),
        ("lost-answer@1,times=0", "times of lost-answer is 0; it may be 1 to"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_would_be(text: str, complaint: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(text)
    assert complaint in str(caught.value)


def test_a_plan_is_written_and_read() -> None:
    plan = Plan(tuple(fault for _, fault in TEXTS), seed=7)
    assert Plan.parse(str(plan), seed=7) == plan
    assert Plan.parse(" drop-byte:esp>uno@1 ;; ").faults == (DropByte(Wire.TO_UNO, 1),)
    assert Plan.parse("") == Plan()


def test_a_catalogue_may_have_more() -> None:
    more = CATALOGUE | {"no-name": DnsFailure}
    assert parse_fault("no-name@1", more) == DnsFailure(1)
    assert Plan.parse("boot-garbage; no-name@1", catalogue=more).faults[1] == DnsFailure(1)


def test_chance_depends_on_the_seed_and_the_fault_alone() -> None:
    first, second = DropByte(Wire.TO_UNO, chance=0.5), DropByte(Wire.TO_ESP, chance=0.5)
    drawn = [generator(seed, fault).random() for seed in (1, 2) for fault in (first, second)]
    assert len(set(drawn)) == 4
    assert generator(1, first).random() == drawn[0]
