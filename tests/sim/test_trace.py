import pytest

from unosim.trace import Channel, Entry, Trace, masked


def test_equal_runs_have_equal_digests_and_any_difference_shows() -> None:
    def digest(at_ns: int = 5, channel: Channel = Channel.ESP_TX, data: bytes = b"OK") -> str:
        trace = Trace()
        trace.record(at_ns, channel, data)
        trace.record(9, Channel.UNO_TX, b"A")
        return trace.digest()

    assert digest() == digest()
    assert len({digest(), digest(at_ns=6), digest(channel=Channel.NET_RX), digest(data=b"OL")}) == 4


def test_bytes_cannot_move_between_entries_unseen() -> None:
    one, other = Trace(), Trace()
    one.record(1, Channel.UNO_TX, b"AB")
    other.record(1, Channel.UNO_TX, b"A")
    other.record(1, Channel.UNO_TX, b"B")
    assert one.digest() != other.digest()
    assert one.heard(Channel.UNO_TX) == other.heard(Channel.UNO_TX) == b"AB"


def test_a_watcher_sees_each_entry_when_it_is_recorded() -> None:
    seen: list[Entry] = []
    trace = Trace(seen.append)
    trace.record(1, Channel.NET_TX, b"GET /")
    assert seen == trace.entries == [Entry(1, Channel.NET_TX, b"GET /")]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('AT+CWJAP_CUR="net","secret"', 'AT+CWJAP_CUR="net","***"'),
        ('AT+CWJAP="n\\"et","se\\"cret","aa:bb:cc:dd:ee:ff"', 'AT+CWJAP="n\\"et","***","aa:bb:cc:dd:ee:ff"'),
        ('AT+CWJAP_DEF="net",""', 'AT+CWJAP_DEF="net","***"'),
        ("AT+CWJAP?", "AT+CWJAP?"),
        ("AT+GMR", "AT+GMR"),
    ],
)
def test_the_password_of_a_join_is_never_shown(line: str, shown: str) -> None:
    assert masked(line) == shown
