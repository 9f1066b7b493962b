import pytest

from unosim.console import LINE_BYTES_MAX, Console
from unosim.trace import Channel, Entry

REQUEST = b'POST /v1/readings HTTP/1.1\r\nHost: h\r\n\r\n{"seq":1}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def shown(capsys: pytest.CaptureFixture[str], *entries: tuple[Channel, bytes]) -> list[str]:
    """Show entries a second apart; return the printed lines without the column of times."""
    console = Console()
    for second, (channel, data) in enumerate(entries):
        console.show(Entry(second * 1_000_000_000, channel, data))
    return [line[14:].strip() for line in capsys.readouterr().out.splitlines()]


def typed(data: bytes) -> list[tuple[Channel, bytes]]:
    return [(Channel.UNO_TX, bytes([byte])) for byte in data]


def test_a_dialogue_is_shown_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    replied = (Channel.ESP_TX, b"AT version:1.7.4.0\r\n\r\nOK\r\n")
    assert shown(capsys, *typed(b"AT+GMR\r\n"), replied) == [
        "uno  AT+GMR",
        "esp  AT version:1.7.4.0",
        "esp  OK",
    ]


def test_a_line_carries_the_instant_of_its_last_byte(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    for at_ns, byte in ((1_000, b"A"), (2_500_000, b"\n")):
        console.show(Entry(at_ns, Channel.UNO_TX, byte))
    assert capsys.readouterr().out == "   0.002500 s      uno  A\n"


@pytest.mark.parametrize("command", [b"AT+CIPSEND=4,%d\r\n", b"AT+CIPSEND=%d\r\n"])
def test_payload_is_shown_once_as_http(capsys: pytest.CaptureFixture[str], command: bytes) -> None:
    lines = shown(
        capsys,
        *typed(command % len(REQUEST)),
        (Channel.ESP_TX, b"\r\nOK\r\n> "),
        *typed(REQUEST + b"AT\r\n"),
        (Channel.NET_TX, REQUEST),
        (Channel.NET_RX, ANSWER),
        (Channel.ESP_TX, b"\r\n+IPD,4,%d:" % len(ANSWER) + ANSWER),
    )
    assert lines == [
        "uno  " + (command % len(REQUEST)).decode().strip(),
        "esp  OK",
        "esp  >",
        "uno  AT",
        'request  POST /v1/readings HTTP/1.1  {"seq":1}',
        "answer  HTTP/1.1 200 OK  {}",
        f"esp  +IPD,4,{len(ANSWER)}:",
    ]


def test_a_send_that_is_refused_has_no_payload(capsys: pytest.CaptureFixture[str]) -> None:
    refused = (Channel.ESP_TX, b"link is not valid\r\n\r\nERROR\r\n")
    lines = shown(capsys, *typed(b"AT+CIPSEND=4,9\r\n"), refused, *typed(b"AT\r\n"))
    assert lines == ["uno  AT+CIPSEND=4,9", "esp  link is not valid", "esp  ERROR", "uno  AT"]


def test_bytes_that_a_terminal_would_obey_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, (Channel.NET_RX, b"\xff\x00"), (Channel.ESP_TX, b"\x1b[2Jready\r\n"))
    assert lines == ["answer  \\xff\\x00", "esp  \\x1b[2Jready"]


def test_an_echo_in_pieces_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    pieces = [(Channel.ESP_TX, data) for data in (b"A", b"T\r", b"\n", b"\r\nOK\r\n")]
    assert shown(capsys, *pieces) == ["esp  AT", "esp  OK"]


def test_what_has_no_end_is_shown_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    endless = LINE_BYTES_MAX * b"x"
    lines = shown(capsys, *typed(endless), (Channel.ESP_TX, endless), (Channel.ESP_TX, b"y\r\n"))
    assert lines == ["uno  " + endless.decode(), "esp  " + endless.decode(), "esp  y"]


def test_the_host_has_the_name_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    Console(host="laptop").show(Entry(0, Channel.UNO_TX, b"AT\r\n"))
    assert capsys.readouterr().out.split() == ["0.000000", "s", "laptop", "AT"]


def test_passwords_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    said = b'AT+CWJAP_CUR="net","secret"\r\n'
    assert shown(capsys, *typed(said)) == ['uno  AT+CWJAP_CUR="net","***"']


def test_everything_can_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(to_stderr=True)
    console.say("hello")
    console.log("{}")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "hello\n" + " " * 19 + "log  {}\n"
