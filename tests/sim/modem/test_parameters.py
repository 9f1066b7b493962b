"""The parameter parser as a table: bytes in, values or refusal out."""

from collections.abc import Callable

import pytest

from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters


def number(parameters: Parameters) -> object:
    return parameters.number(-5, 100)


def string(parameters: Parameters) -> object:
    return parameters.string(8)


Read = Callable[[Parameters], object]


@pytest.mark.parametrize(
    ("read", "text", "value", "rest"),
    [
        (number, b"0\r\n", 0, b"\r\n"),
        (number, b"007,", 7, b","),
        (number, b"100\r\n", 100, b"\r\n"),
        (number, b"-5\r\n", -5, b"\r\n"),
        (number, b"1.5\r\n", 1, b".5\r\n"),
        (number, b"1 \r\n", 1, b" \r\n"),
        (string, b'""\r\n', "", b"\r\n"),
        (string, b'"12345678"\r\n', "12345678", b"\r\n"),
        (string, b'"a"b"\r\n', "a", b'b"\r\n'),
        (string, rb'"a\"b"' + b"\r\n", 'a"b', b"\r\n"),
        (string, rb'"a\,b"' + b"\r\n", "a,b", b"\r\n"),
        (string, rb'"a\\"' + b"\r\n", "a\\", b"\r\n"),
        (string, rb'"a\nb"' + b"\r\n", "a\\nb", b"\r\n"),
        (string, b'"a,b"\r\n', "a,b", b"\r\n"),
        (string, '"caf\u00e9"\r\n'.encode(), "caf\u00e9", b"\r\n"),
        (string, b'"\xff"\r\n', "\udcff", b"\r\n"),
        (string, b'"a\rb"\r\n', "a\rb", b"\r\n"),
    ],
)
def test_accepted(read: Read, text: bytes, value: object, rest: bytes) -> None:
    parameters = Parameters(text)
    assert read(parameters) == value
    assert text[parameters._at :] == rest


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (number, b""),
        (number, b"\r\n"),
        (number, b"101\r\n"),
        (number, b"-6\r\n"),
        (number, b"-\r\n"),
        (number, b"--1\r\n"),
        (number, b"+1\r\n"),
        (number, b" 1\r\n"),
        (number, b"0x1\r\n"[1:]),
        (number, b'"1"\r\n'),
        (number, b"00000000001\r\n"),
        (number, b"\xb2\r\n"),
        (string, b""),
        (string, b"abc\r\n"),
        (string, b'"abc\r\n'),
        (string, b'"'),
        (string, rb'"abc\"' + b"\r\n"),
        (string, b'"123456789"\r\n'),
        (string, b"'abc'\r\n"),
        (string, '"caf\u00e9 caf"\r\n'.encode()),
    ],
)
def test_refused(read: Read, text: bytes) -> None:
    with pytest.raises(CommandError) as caught:
        read(Parameters(text))
    assert caught.value.diagnosis == ""


def test_a_refusal_carries_the_diagnosis_it_was_given() -> None:
    refusals: tuple[Read, ...] = (
        lambda parameters: parameters.number(0, 1, "why"),
        lambda parameters: parameters.string(1, "why"),
        lambda parameters: parameters.comma("why"),
        lambda parameters: parameters.end("why"),
    )
    for refuse in refusals:
        with pytest.raises(CommandError) as caught:
            refuse(Parameters(b"x"))
        assert caught.value.diagnosis == "why"


def test_a_list_of_parameters() -> None:
    parameters = Parameters(b'4,"h",80\r\n')
    assert parameters.number(0, 4) == 4
    parameters.comma()
    assert parameters.string(64) == "h"
    assert parameters.more()
    assert parameters.number(0, 65535) == 80
    assert not parameters.more()
    parameters.end()


def test_lenient_parameters_may_be_left_empty() -> None:
    parameters = Parameters(b'1,,"a",,0x1F\r\n', lenient=True)
    assert parameters.number(0, 9) == 1
    assert parameters.optional_number(0, 9, 5) == 5
    assert parameters.optional_string(9, "b") == "a"
    assert parameters.optional_string(9, "b") == "b"
    assert parameters.optional_number(0, 99, 5) == 0x1F
    assert parameters.optional_number(0, 99, 6) == 6
    parameters.end()


def test_strict_parameters_may_not() -> None:
    parameters = Parameters(b"1,,2\r\n")
    assert parameters.number(0, 9) == 1
    with pytest.raises(CommandError):
        parameters.optional_number(0, 9, 5)


@pytest.mark.parametrize(
    "text", [b"0x\r\n", b"0x123456789\r\n", b"x1\r\n", b"1\r", b"1\rx\r\n", b"1 \r\n", b"1,\r\n"]
)
def test_lenient_has_limits(text: bytes) -> None:
    parameters = Parameters(text, lenient=True)
    with pytest.raises(CommandError):  # noqa: PT012  # either may refuse
        parameters.number(0, 2**32)
        parameters.end()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'1,"abcdef"\r\n', 0x01070001),
        (b"1,abc\r\n", 0x01080001),
        (b"99\r\n", 0x01070000),
        (b"\r\n", 0x01080000),
        (b"1\r\n", 0x01080001),
        (b'1,"a",2\r\n', 0x01080002),
    ],
)
def test_errors_name_the_field(text: bytes, code: int) -> None:
    parameters = Parameters(text, lenient=True)
    with pytest.raises(CommandError) as caught:  # noqa: PT012  # any of the three may refuse
        parameters.number(0, 9)
        parameters.comma()
        parameters.string(3)
        parameters.end()
    assert caught.value.code == code
