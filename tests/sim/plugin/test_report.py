"""The text that a failing test shows."""

from unosim.faults import Plan
from unosim.pytest_plugin.report import LINE_BYTES_MAX, LINES_MAX, dialogue, report
from unosim.trace import Channel, Entry, Trace

NAMES = {Channel.UNO_TX: "uno", Channel.ESP_TX: "esp", Channel.NET_TX: "to net", Channel.NET_RX: "net"}
MS = 1_000_000


def lines(*entries: tuple[int, Channel, bytes]) -> list[str]:
    said = [Entry(at_ms * MS, channel, data) for at_ms, channel, data in entries]
    return [line.split(" s ", 1)[1].strip() for line in dialogue(said, NAMES)]


def test_bytes_are_joined_to_lines_in_the_order_in_which_they_began() -> None:
    assert lines(
        (1, Channel.UNO_TX, b"A"),
        (2, Channel.ESP_TX, b"> "),
        (3, Channel.UNO_TX, b"T\r\n"),
        (4, Channel.NET_TX, b"a\r\nb"),
        (5, Channel.ESP_TX, b"OK\r\nhalf"),
    ) == [r"uno  AT\r\n", r"esp  > OK\r\n", r"to net  a\r\nb", "esp  half"]


def test_a_secret_is_masked_in_what_was_said_before_it_was_known() -> None:
    shown = lines(
        (1, Channel.ESP_TX, b'","secret-key"\r\n'), (2, Channel.UNO_TX, b'AT+CWJAP="lab","secret-key"\r\n')
    )
    assert shown == [r'esp  ","*********0"\r\n', r'uno  AT+CWJAP="lab","*********0"\r\n']


def test_long_lines_and_long_dialogues_are_cut_and_counted() -> None:
    (line,) = lines((1, Channel.NET_RX, b"x" * (LINE_BYTES_MAX + 5)))
    assert line == f"net  {'x' * LINE_BYTES_MAX} (and 5 bytes)"

    trace = Trace()
    for number in range(LINES_MAX + 3):
        trace.record(number * MS, Channel.UNO_TX, b"%d\n" % number)
    text = report(trace, NAMES, Plan(), [], "again").splitlines()
    assert text[0] == "(3 lines before these)"
    assert text[1].endswith(r"uno  3\n")
    assert text[LINES_MAX].endswith(rf"uno  {LINES_MAX + 2}\n")


def test_a_silent_run_says_so() -> None:
    assert report(Trace(), NAMES, Plan(), [], "again").startswith(
        "(nothing was said)\n\nseed    0\nfaults  none"
    )
