"""A wired modem in virtual time: what fronts and replays rely on, without I/O."""

import pytest

from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.esp01 import Module
from unosim.network import VirtualNetwork
from unosim.trace import Channel, Entry
from unosim.wire import BACKLOG_BYTES_MAX, WiredModem

CHARACTER_NS = 10 * NS_PER_S // 115_200


def boot_text(baud: int | None) -> bytes:
    """Return what a host at a rate hears of a module's boot."""
    wired = WiredModem(Module().make(), VirtualNetwork({}), lambda _entry: None)
    wired.power_on(0)
    wired.run(NS_PER_S)
    return wired.heard(baud, NS_PER_S)


@pytest.fixture
def wired() -> WiredModem:
    """A module that has booted, its boot text heard."""
    wired = WiredModem(Module().make(), VirtualNetwork({}), lambda _entry: None)
    wired.power_on(0)
    wired.run(NS_PER_S)
    wired.heard(None, NS_PER_S)
    return wired


def test_bytes_take_their_time_on_the_wire_in_both_directions(wired: WiredModem) -> None:
    wired.say(b"ATE0\r\n", 115_200, NS_PER_S)
    heard_ns = []
    now_ns = NS_PER_S
    while (due_ns := wired.next_deadline()) is not None and now_ns < 2 * NS_PER_S:
        now_ns = due_ns
        wired.run(now_ns)
        heard_ns += [now_ns] * len(wired.heard(115_200, now_ns))
    assert len(heard_ns) == len(b"ATE0\r\n\r\nOK\r\n")
    # Six characters on the wire and two of silence, before the echo's first is complete.
    assert heard_ns[0] - NS_PER_S == pytest.approx(9 * CHARACTER_NS, abs=10)
    assert heard_ns[-1] - heard_ns[-2] == pytest.approx(CHARACTER_NS, abs=10)


def test_being_late_changes_nothing_of_what_happened() -> None:
    def run(step_ns: int) -> list[Entry]:
        entries: list[Entry] = []
        wired = WiredModem(Module().make(), VirtualNetwork({}), entries.append)
        wired.power_on(0)
        wired.run(NS_PER_S)
        wired.say(b'AT+CWJAP_CUR="lab","secret-key"\r\n', 115_200, NS_PER_S)
        wired.say(b"AT\r\n", 115_200, NS_PER_S + 60 * NS_PER_MS)
        for now_ns in range(NS_PER_S, 9 * NS_PER_S, step_ns):
            wired.run(now_ns)
        wired.run(9 * NS_PER_S)
        return entries

    assert run(NS_PER_MS) == run(700 * NS_PER_MS) == run(8 * NS_PER_S)


@pytest.mark.parametrize(
    ("baud", "understood"), [(115_200, True), (None, True), (117_647, True), (9_600, False)]
)
def test_the_rate_decides_what_is_heard(wired: WiredModem, baud: int | None, *, understood: bool) -> None:
    wired.say(b"AT\r\n", baud, NS_PER_S)
    wired.run(2 * NS_PER_S)
    assert (wired.heard(baud, 2 * NS_PER_S) == b"AT\r\n\r\nOK\r\n") is understood


def test_the_boot_text_is_garbage_at_the_rate_of_the_dialogue() -> None:
    assert b"ets Jan  8 2013" in boot_text(None)
    assert b"ets Jan  8 2013" in boot_text(74_880)
    assert b"ets" not in boot_text(115_200)
    assert boot_text(115_200).endswith(b"\r\nready\r\n")


def test_a_host_that_says_too_much_is_asked_to_pause(wired: WiredModem) -> None:
    assert wired.listening
    wired.say(bytes(BACKLOG_BYTES_MAX), 115_200, NS_PER_S)
    assert not wired.listening
    wired.run(NS_PER_S + 101 * CHARACTER_NS)  # a chunk of the module's UART
    assert wired.listening


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 50, 101, 1_000])
def test_in_how_many_pieces_the_host_says_it_changes_nothing(pieces: int) -> None:
    """Back to back is back to back, and time passes in steps of any size meanwhile."""
    said = b"AT+CIPSTATUS\r\n" * 20 + b"AT\r\n"

    def run(count: int, step_ns: int) -> list[tuple[int, bytes]]:
        entries: list[Entry] = []
        wired = WiredModem(Module().make(), VirtualNetwork({}), entries.append)
        wired.power_on(0)
        wired.run(NS_PER_S)
        size = -(-len(said) // count)
        for start in range(0, len(said), size):
            wired.say(said[start : start + size], 115_200, NS_PER_S)
        for now_ns in range(NS_PER_S, 2 * NS_PER_S, step_ns):
            wired.run(now_ns)
        wired.run(2 * NS_PER_S)
        return [(one.at_ns, one.data) for one in entries if one.channel is Channel.ESP_TX]

    whole = run(1, NS_PER_S)
    for step_ns in (3_000_017, 50_021):
        other = run(pieces, step_ns)
        assert b"".join(data for _, data in other) == b"".join(data for _, data in whole)
        # each piece begins at a whole nanosecond
        assert max(abs(a - b) for (a, _), (b, _) in zip(other, whole, strict=True)) <= 2 * pieces


def test_the_network_is_paused_while_the_wire_is_full(wired: WiredModem) -> None:
    assert wired.room(0) == BACKLOG_BYTES_MAX
    wired.say(400 * b"AT+GMR\r\n", 115_200, NS_PER_S)
    wired.run(NS_PER_S + 300 * NS_PER_MS)
    assert wired.room(0) == 0


def test_a_watcher_sees_the_rate_of_each_sender() -> None:
    entries: list[Entry] = []
    wired = WiredModem(Module().make(), VirtualNetwork({}), entries.append)
    wired.power_on(0)
    wired.say(b"A", 9_600, NS_PER_S)
    wired.run(2 * NS_PER_S)
    rates = [(entry.channel, entry.baud) for entry in entries]
    assert rates[:3] == [(Channel.ESP_TX, 74_880), (Channel.ESP_TX, 115_200), (Channel.UNO_TX, 9_600)]
