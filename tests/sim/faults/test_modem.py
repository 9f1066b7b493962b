"""A modem to which things happen: what the host hears, what the engine does."""

import pytest

from unosim.clock import NS_PER_S
from unosim.faults import FaultyModem, Injection, Plan
from unosim.modem import AccessPoint, Crash, Modem, Radio, Settings, actions, events

S = NS_PER_S
JOINED = Settings(ssid="lab")
BOOT_BYTES = sum(
    len(action.data)
    for modem in [Modem(radio=Radio())]
    for action in modem.power_on(0) + modem.advance(S)
    if isinstance(action, actions.Output)
)
"""What a modem without a network says before it listens; the offset on esp>uno of its first answer."""


def started(plan: str, *, settings: Settings | None = None, seed: int = 0) -> tuple[FaultyModem, Injection]:
    """Return a modem one second after power-on, its settings empty unless given."""
    injection = Injection(Plan.parse(plan, seed=seed))
    modem = injection.modem(Modem(radio=Radio([AccessPoint("lab")]), settings=settings), ["lab"])
    modem.power_on(0)
    modem.advance(S)
    return modem, injection


def said(taken: list[actions.Action]) -> bytes:
    return b"".join(action.data for action in taken if isinstance(action, actions.Output))


def run_to(modem: FaultyModem, end_ns: int) -> list[actions.Action]:
    """Let time pass up to an instant, each deadline met."""
    taken: list[actions.Action] = []
    while (due_ns := modem.next_deadline()) is not None and due_ns <= end_ns:
        taken += modem.advance(due_ns)
    return taken + modem.advance(end_ns)


def ask(modem: FaultyModem, line: bytes, now_ns: int = 2 * S) -> bytes:
    """Return all that is said within half a second of a line, echo included."""
    return said(modem.receive(line, now_ns)) + said(run_to(modem, now_ns + S // 2))


HOST = "uno>esp"


@pytest.mark.parametrize(
    ("plan", "heard"),
    [
        ("", b"AT\r\n\r\nOK\r\n"),
        (f"drop-byte:{HOST}@0", b"T\r\n\r\nERROR\r\n"),
        (f"drop-byte:{HOST}@3", b"AT\r"),
        (f"insert-byte:{HOST}@0,byte=33", b"!AT\r\n\r\nOK\r\n"),
        (f"insert-byte:{HOST}@1,byte=33", b"A!T\r\n\r\nERROR\r\n"),
        (f"flip-bit:{HOST}@1,bit=0", b"AU\r\n\r\nERROR\r\n"),
        (f"flip-bit:{HOST}@9", b"AT\r\n\r\nOK\r\n"),
        (f"drop-byte:esp>uno@{BOOT_BYTES}", b"T\r\n\r\nOK\r\n"),
        (f"drop-byte:esp>uno@{BOOT_BYTES + 9}", b"AT\r\n\r\nOK\r"),
        (f"insert-byte:esp>uno@{BOOT_BYTES + 2},byte=0", b"AT\x00\r\n\r\nOK\r\n"),
        (f"overrun:{HOST}@0,count=2; drop-byte:{HOST}@2", b"\n\r\nERROR\r\n"),
        (f"overrun:{HOST}@2", b"AT"),
        (f"overrun:esp>uno@{BOOT_BYTES + 1},count=8", b"A\n"),
        (f"overrun:esp>uno@{BOOT_BYTES + 4}", b"AT\r\n"),
        (f"flip-bit:esp>uno@{BOOT_BYTES},bit=5", b"aT\r\n\r\nOK\r\n"),
        (
            f"flip-bit:esp>uno@{BOOT_BYTES},bit=5; flip-bit:esp>uno@{BOOT_BYTES + 1},bit=5",
            b"at\r\n\r\nOK\r\n",
        ),
        (
            f"insert-byte:esp>uno@{BOOT_BYTES},byte=33; drop-byte:esp>uno@{BOOT_BYTES}",
            b"!T\r\n\r\nOK\r\n",
        ),
    ],
)
def test_single_bytes_of_the_dialogue(plan: str, heard: bytes) -> None:
    modem, _ = started(plan)
    assert ask(modem, b"AT\r\n") == heard


def test_what_has_happened_is_kept_in_order() -> None:
    modem, injection = started(f"drop-byte:esp>uno@0; drop-byte:{HOST}@0")
    ask(modem, b"AT\r\n")
    assert [str(one) for one in injection.happened] == [
        "0.000000 s: drop-byte:esp>uno@0",
        "2.000000 s: drop-byte:uno>esp@0",
    ]


def test_chance_strikes_as_often_as_it_says_and_always_alike() -> None:
    def heard(seed: int) -> bytes:
        modem, injection = started("drop-byte:uno>esp,chance=0.1", seed=seed)
        modem.receive(b"x" * 10_000, 2 * S)
        return repr(injection.happened).encode() + ask(modem, b"\r\n", 3 * S)

    strokes = heard(1).count(b"Happened")
    assert 900 < strokes < 1_100
    assert heard(1) == heard(1) != heard(2)


def test_noise_ends_where_it_says() -> None:
    modem, injection = started("drop-byte:uno>esp,chance=1,until=3")
    assert b"OK" in ask(modem, b"xxxAT\r\n")
    assert len(injection.happened) == 3


@pytest.mark.parametrize(("percent", "baud", "rom_baud"), [(0, 115_200, 74_880), (5, 120_960, 78_624)])
def test_a_drifting_clock_shifts_every_baud_rate(percent: int, baud: int, rom_baud: int) -> None:
    injection = Injection(Plan.parse(f"baud-drift,percent={percent}"))
    modem = injection.modem(Modem(radio=Radio()))
    taken = modem.power_on(0)
    assert [one.baud for one in taken if isinstance(one, actions.SetBaud)] == [rom_baud]
    taken = modem.advance(S)
    assert [one.baud for one in taken if isinstance(one, actions.SetBaud)] == [baud]
    assert modem.baud == baud


def test_a_restart_at_a_byte_of_the_host_boots_the_module_before_that_byte() -> None:
    modem, _ = started(f"restart:{HOST}@2")
    taken = modem.receive(b"AT\r\n", 2 * S)
    assert said(taken).startswith(b"\r\n ets Jan  8 2013,rst cause:1")
    assert said(run_to(modem, 3 * S)) == b"\r\nready\r\n"
    assert ask(modem, b"AT\r\n", 3 * S) == b"AT\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("cause", "last_words"),
    [
        ("brown-out", b"AT\r\n ets Jan  8 2013,rst cause:1"),
        ("hardware-watchdog", b"AT\r\n ets Jan  8 2013,rst cause:4"),
        ("software-watchdog", b"ATSoft WDT reset\r\n"),
        ("exception", b"ATFatal exception (28):\r\n"),
    ],
)
def test_a_restart_says_why(cause: str, last_words: bytes) -> None:
    modem, _ = started(f"restart:esp>uno@{BOOT_BYTES + 2},cause={cause}")
    assert ask(modem, b"AT\r\n").startswith(last_words)


def test_a_restart_at_a_byte_of_the_module_breaks_off_its_words() -> None:
    modem, injection = started(f"restart:esp>uno@{BOOT_BYTES + 7}")
    heard = ask(modem, b"AT\r\n")
    assert heard.startswith(b"AT\r\n\r\nO\r\n ets Jan  8 2013")
    assert heard.endswith(b"ready\r\n")
    assert len(injection.happened) == 1


def test_noise_precedes_the_boot_text_and_is_not_counted_as_the_modules_words() -> None:
    injection = Injection(Plan.parse(f"boot-garbage,count=9; drop-byte:esp>uno@8; restart:{HOST}@0"))
    modem = injection.modem(Modem(radio=Radio()))
    first = said(modem.power_on(0))
    assert said(run_to(modem, S)) == b"\r\nready\r\n"
    assert first[9:].startswith(b"\r\n ets Jn")
    second = said(modem.receive(b"A", S))
    assert len(second) == len(first) + 1
    assert second[:9] != first[:9]
    assert [one.fault.name for one in injection.happened].count("boot-garbage") == 2


def test_a_busy_storm_answers_lines_and_passes() -> None:
    modem, _ = started(f"busy-storm:{HOST}@4,seconds=2")
    assert ask(modem, b"AT\r\n") == b"AT\r\n\r\nOK\r\n"
    assert ask(modem, b"AT\r\nAT\r\n", 3 * S) == b"\r\nbusy p...\r\n" * 2
    assert ask(modem, b"AT\r\n", 5 * S) == b"AT\r\n\r\nOK\r\n"


def test_wifi_is_lost_and_comes_back_by_itself() -> None:
    modem, _ = started(f"wifi-lost:{HOST}@0,seconds=3", settings=JOINED)
    assert b"WIFI GOT IP" in said(run_to(modem, 10 * S))
    assert ask(modem, b"ATE0\r\n", 11 * S) == b"WIFI DISCONNECT\r\nATE0\r\n\r\nOK\r\n"
    assert said(run_to(modem, 14 * S - 1)) == b""
    assert said(run_to(modem, 20 * S)) == b"WIFI CONNECTED\r\nWIFI GOT IP\r\n"


OPEN_A_LINK = b'AT+CIPSTART="TCP","h",80\r\n'


def test_peers_close_all_links_and_the_network_is_told() -> None:
    modem, _ = started(f"link-closed:{HOST}@{len(OPEN_A_LINK)}", settings=JOINED)
    run_to(modem, 11 * S)
    ask(modem, OPEN_A_LINK, 11 * S)
    modem.network(events.Connected(0, "192.168.1.50", 80, 50_001), 12 * S)
    taken = modem.receive(b"A", 13 * S)
    assert said(taken) == b"CLOSED\r\n"
    assert actions.Close(0, abort=True) in taken


def with_a_link(plan: str) -> FaultyModem:
    """Return a modem with link 0 open at 12 s; its next answer begins at LINKED_BYTES on esp>uno."""
    modem, _ = started(plan, settings=JOINED)
    run_to(modem, 11 * S)
    ask(modem, OPEN_A_LINK, 11 * S)
    modem.network(events.Connected(0, "192.168.1.50", 80, 50_001), 12 * S)
    return modem


LINKED_BYTES = BOOT_BYTES + len(b"WIFI CONNECTED\r\nWIFI GOT IP\r\n" + OPEN_A_LINK + b"CONNECT\r\n\r\nOK\r\n")


def test_a_restart_takes_back_words_and_not_what_the_network_was_asked_for() -> None:
    """The module is about to say OK to AT+RST; it dies in the middle, and its connection is gone."""
    modem = with_a_link(f"restart:esp>uno@{LINKED_BYTES + len(b'AT+RST') + 5}")
    taken = modem.receive(b"AT+RST\r\n", 13 * S) + run_to(modem, 14 * S)
    assert said(taken).startswith(b"AT+RST\r\n\r\nO\r\n ets Jan")
    assert actions.Close(0, abort=True) in taken


def test_of_two_faults_in_one_answer_the_restart_keeps_what_the_other_did() -> None:
    plan = f"link-closed:esp>uno@{LINKED_BYTES + 1}; restart:esp>uno@{LINKED_BYTES + 3}"
    modem = with_a_link(plan)
    taken = modem.receive(b"AT\r\n", 13 * S) + run_to(modem, 14 * S)
    assert said(taken).startswith(b"AT\r\r\n ets Jan")
    assert b"CLOSED" not in said(taken)
    assert taken.count(actions.Close(0, abort=True)) == 1


def test_peers_close_incoming_links_and_leave_datagrams_alone() -> None:
    server = b"AT+CIPMUX=1\r\nAT+CIPSERVER=1,80\r\n".split(b"\n")[:2]
    udp = b'AT+CIPSTART=3,"UDP","h",80\r'
    length = sum(len(line) + 1 for line in [*server, udp])
    modem, _ = started(f"link-closed:{HOST}@{length}", settings=JOINED)
    run_to(modem, 11 * S)
    for second, line in enumerate([*server, udp], 11):
        ask(modem, line + b"\n", second * S)
    modem.network(events.Connected(3, "192.168.1.50", 80, 50_001), 14 * S)
    modem.network(events.Incoming(1, "192.168.1.51", 50_000, 80), 14 * S)
    taken = modem.receive(b"A", 15 * S)
    assert said(taken) == b"0,CLOSED\r\n"


def test_without_a_link_nothing_closes() -> None:
    modem, _ = started(f"link-closed:{HOST}@0")
    assert ask(modem, b"AT\r\n") == b"AT\r\n\r\nOK\r\n"


def test_the_face_is_that_of_the_engine() -> None:
    modem, _ = started("", settings=JOINED)
    run_to(modem, 11 * S)
    assert modem.receive_window(0) == Modem(radio=Radio()).receive_window(0)
    assert said(modem.access_point_lost("lab", 12 * S)) == b"WIFI DISCONNECT\r\n"
    modem.access_point_back("lab", 13 * S)
    assert said(run_to(modem, 20 * S)) == b"WIFI CONNECTED\r\nWIFI GOT IP\r\n"
    assert "uno>esp 0" in repr(modem)
    assert b"Soft WDT reset" in said(modem.crash(Crash.SOFTWARE_WATCHDOG, 21 * S))


def test_what_a_late_caller_would_have_heard_after_a_restart_is_not_said() -> None:
    """The caller comes two seconds late: the answer, the boot text and the banner are due in one call."""
    modem, _ = started(f"restart:esp>uno@{BOOT_BYTES + len(b'AT+RST') + 5}")
    echo = said(modem.receive(b"AT+RST\r\n", 2 * S))
    heard = echo + said(modem.advance(4 * S))
    assert heard.startswith(b"AT+RST\r\n\r\nO\r\n ets Jan")
    assert heard.count(b" ets Jan") == 1
    assert b"ready" not in heard


def test_a_link_that_the_host_has_closed_is_not_closed_again() -> None:
    close = b"AT+CIPCLOSE\r\n"
    modem, _ = started(f"link-closed:{HOST}@{len(OPEN_A_LINK + close)}", settings=JOINED)
    run_to(modem, 11 * S)
    ask(modem, OPEN_A_LINK, 11 * S)
    modem.network(events.Connected(0, "192.168.1.50", 80, 50_001), 12 * S)
    assert ask(modem, close, 13 * S).endswith(b"CLOSED\r\n\r\nOK\r\n")
    assert modem.receive(b"A", 14 * S) == []


def test_a_link_that_its_peer_has_closed_is_not_closed_again() -> None:
    modem, _ = started(f"link-closed:{HOST}@{len(OPEN_A_LINK)}", settings=JOINED)
    run_to(modem, 11 * S)
    ask(modem, OPEN_A_LINK, 11 * S)
    modem.network(events.Connected(0, "192.168.1.50", 80, 50_001), 12 * S)
    modem.network(events.PeerClosed(0), 13 * S)
    assert modem.receive(b"A", 14 * S) == []


def test_a_restart_ends_a_busy_storm() -> None:
    modem, _ = started(f"busy-storm:{HOST}@0,seconds=60; restart:{HOST}@4")
    assert ask(modem, b"AT\r\n") == b"\r\nbusy p...\r\n"
    assert ask(modem, b"A", 3 * S).endswith(b"ready\r\n")
    assert ask(modem, b"AT\r\n", 4 * S).endswith(b"OK\r\n")
