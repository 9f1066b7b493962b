"""The engine's rules for its caller: time, chunks, windows, settings, late and impossible events."""

import dataclasses

import pytest

from unosim.modem import (
    ESPAT_2_2,
    PROFILES,
    AccessPoint,
    Crash,
    Encryption,
    LocalProtocolError,
    Modem,
    Profile,
    Radio,
    Settings,
    UartFormat,
    actions,
    events,
)
from unosim.modem.link import BACKLOG_BYTES
from unosim.modem.profiles import NONOS_1_7_4
from unosim.modem.settings import Enterprise, SoftApSettings, SslOptions

S = 1_000_000_000
RADIO = Radio([AccessPoint("lab", "secret-key")])
JOINED = Settings(ssid="lab", password="secret-key")  # noqa: S106  # nobody's secret


def started(settings: Settings | None = None) -> Modem:
    """Return a modem ten seconds after power-on."""
    modem = Modem(radio=RADIO, settings=settings)
    modem.power_on(0)
    modem.advance(10 * S)
    return modem


def said(taken: list[actions.Action]) -> bytes:
    return b"".join(action.data for action in taken if isinstance(action, actions.Output))


def ask(modem: Modem, line: bytes, now_ns: int) -> bytes:
    """Return all that is said within a tenth of a second of a line, echo included."""
    return said(modem.receive(line, now_ns) + modem.advance(now_ns + S // 10))


def linked(*, passive: bool = False) -> Modem:
    """Return a modem with link 0 open at 13 seconds."""
    modem = started(JOINED)
    ask(modem, b"ATE0\r\n", 11 * S)
    if passive:
        ask(modem, b"AT+CIPRECVMODE=1\r\n", 11 * S + S // 2)
    ask(modem, b'AT+CIPSTART="TCP","h",80\r\n', 12 * S)
    modem.network(events.Connected(0, "192.168.1.50", 80, 50_001), 13 * S)
    return modem


def test_a_modem_without_power_is_silent() -> None:
    modem = Modem(radio=RADIO)
    assert modem.receive(b"AT\r\n", 0) == []
    assert modem.next_deadline() is None


@pytest.mark.parametrize(
    "late",
    [
        lambda modem: modem.power_on(S),
        lambda modem: modem.receive(b"A", S),
        lambda modem: modem.network(events.Received(0, b"x"), S),
        lambda modem: modem.access_point_lost("lab", S),
        lambda modem: modem.access_point_back("lab", S),
        lambda modem: modem.guest_joined("02:00:00:00:00:aa", S),
        lambda modem: modem.guest_left("02:00:00:00:00:aa", S),
        lambda modem: modem.wps_button_pushed("lab", S),
        lambda modem: modem.smart_config("lab", "secret-key", S),
        lambda modem: modem.crash(Crash.EXCEPTION, S),
        lambda modem: modem.advance(S),
    ],
)
def test_time_never_runs_backwards(late: object) -> None:
    assert callable(late)
    with pytest.raises(LocalProtocolError, match="time ran backwards from 10000000000 ns to 1000000000 ns"):
        late(started())


@pytest.mark.parametrize(
    ("impossible", "complaint"),
    [
        (lambda: events.Connected(7, "1.2.3.4", 80, 50_001), "link 7"),
        (lambda: events.ConnectFailed(-1, events.Failure.REFUSED), "link -1"),
        (lambda: events.PeerClosed(7), "link 7"),
        (lambda: events.Acknowledged(7, 1), "link 7"),
        (lambda: events.Acknowledged(0, 0), "acknowledgement of 0 bytes"),
        (lambda: events.Received(7, b"x"), "link 7"),
        (lambda: events.Received(0, b""), "no data"),
        (lambda: events.TimeTold(-1), "time -1 s does not fit"),
        (lambda: events.TimeTold(1 << 32), "time 4294967296 s does not fit"),
    ],
)
def test_impossible_events_are_refused(impossible: object, complaint: str) -> None:
    assert callable(impossible)
    with pytest.raises(LocalProtocolError, match=complaint):
        impossible()


@pytest.mark.parametrize(
    "late",
    [
        events.Connected(0, "1.2.3.4", 80, 50_001),
        events.Connected(1, "1.2.3.4", 80, 50_001),
        events.ConnectFailed(0, events.Failure.REFUSED),
        events.Acknowledged(0, 99),
        events.Received(1, b"x"),
        events.PeerClosed(1),
        events.Resolved("h", "1.2.3.4"),
        events.Pong("h", 5),
        events.TimeTold(1_470_293_285),
    ],
)
def test_late_events_are_ignored(late: events.NetworkEvent) -> None:
    modem = linked()
    assert modem.network(late, 13 * S) == []
    assert modem.advance(33 * S) == []


def test_bytes_at_one_instant_are_one_chunk_and_a_pause_ends_it() -> None:
    modem = started()
    assert modem.receive(b"A", 10 * S) == []
    two_characters_ns = 2 * 10 * S // 115_200
    assert abs((modem.next_deadline() or 0) - 10 * S - two_characters_ns) <= 2
    assert modem.receive(b"T", 10 * S + 86_805) == []
    assert said(modem.advance(10 * S + 86_805 + two_characters_ns)) == b"AT"
    assert modem.next_deadline() is None


def test_a_late_caller_gets_the_same_bytes_as_a_punctual_one() -> None:
    late = started(JOINED)
    late.receive(b'AT+CWJAP_CUR="lab","secret-key"\r\n', 11 * S)
    at_once = said(late.advance(60 * S))
    punctual = started(JOINED)
    punctual.receive(b'AT+CWJAP_CUR="lab","secret-key"\r\n', 11 * S)
    pieces = b""
    while (due_ns := punctual.next_deadline()) is not None:
        pieces += said(punctual.advance(due_ns))
    assert at_once == pieces
    assert pieces.endswith(b"WIFI DISCONNECT\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n")


def test_flash_survives_a_power_cut_and_current_settings_do_not() -> None:
    modem = started()
    ask(modem, b"AT+CWMODE_DEF=3\r\n", 10 * S)
    ask(modem, b"AT+CWMODE_CUR=2\r\n", 11 * S)
    ask(modem, b"AT+UART_DEF=9600,8,1,0,0\r\n", 12 * S)
    assert modem.settings == Settings(mode=3, uart=UartFormat(9_600))
    again = Modem(radio=RADIO, settings=modem.settings)
    again.power_on(0)
    assert again.baud == NONOS_1_7_4.rom_baud
    again.advance(S)
    assert again.baud == 9_600
    assert ask(again, b"AT+CWMODE?\r\n", S).endswith(b"+CWMODE:3\r\n\r\nOK\r\n")


def test_a_password_is_not_shown() -> None:
    shown = repr(JOINED) + repr(RADIO.access_points) + repr(started(JOINED))
    assert "secret-key" not in shown


def test_the_repr_shows_what_one_asks_when_something_is_stuck() -> None:
    assert repr(linked()) == "<Modem nonos-1.7.4 at 13000000000 ns: line IDLE, station READY, links OFFFF>"


def test_nobody_is_let_in_while_no_server_runs() -> None:
    incoming = events.Incoming(3, "192.168.1.20", 40_000, 80)
    assert linked().network(incoming, 13 * S) == [actions.Refuse(3)]


def test_a_modem_without_power_does_not_crash() -> None:
    assert Modem(radio=RADIO).crash(Crash.SOFTWARE_WATCHDOG, 0) == []


def test_a_power_cut_ends_links_silently() -> None:
    modem = linked()
    assert modem.power_on(14 * S)[0] == actions.Close(0, abort=True)


def test_the_receive_window_closes_and_opens() -> None:
    modem = linked(passive=True)
    assert modem.receive_window(0) == NONOS_1_7_4.window_bytes
    modem.network(events.Received(0, bytes(NONOS_1_7_4.window_bytes - 1)), 13 * S)
    assert modem.receive_window(0) == 1
    modem.network(events.Received(0, b"ab"), 13 * S)
    assert modem.receive_window(0) == 0
    ask(modem, b"AT+CIPRECVDATA=100\r\n", 14 * S)
    assert modem.receive_window(0) == 99


def test_a_network_that_ignores_the_window_is_stopped() -> None:
    modem = linked(passive=True)
    modem.network(events.Received(0, bytes(NONOS_1_7_4.window_bytes + BACKLOG_BYTES - 1)), 13 * S)
    with pytest.raises(LocalProtocolError, match="ask receive_window"):
        modem.network(events.Received(0, b"ab"), 13 * S)


def test_what_waits_for_the_end_of_a_prompt_has_a_limit() -> None:
    modem = Modem(PROFILES["nonos-1.3"], radio=RADIO, settings=JOINED)
    modem.power_on(0)
    modem.advance(10 * S)
    ask(modem, b'AT+CIPSTART="TCP","h",80\r\n', 12 * S)
    modem.network(events.Connected(0, "192.168.1.50", 80, 50_001), 13 * S)
    assert ask(modem, b"AT+CIPSEND=5\r\n", 13 * S).endswith(b"> ")
    assert modem.network(events.Received(0, bytes(NONOS_1_7_4.window_bytes - 1)), 14 * S) == []
    assert modem.receive_window(0) == 1
    assert modem.receive_window(1) == NONOS_1_7_4.window_bytes
    modem.network(events.Received(0, bytes(BACKLOG_BYTES - NONOS_1_7_4.window_bytes + 1)), 14 * S)
    assert modem.receive_window(0) == 0
    with pytest.raises(LocalProtocolError, match="ask receive_window"):
        modem.network(events.Received(0, b"a"), 14 * S)
    modem.power_on(15 * S)
    assert modem.receive_window(0) == NONOS_1_7_4.window_bytes


def test_after_its_end_a_link_brings_no_more_news_during_a_prompt() -> None:
    modem = Modem(PROFILES["nonos-1.3"], radio=RADIO, settings=JOINED)
    modem.power_on(0)
    modem.advance(10 * S)
    ask(modem, b'AT+CIPSTART="TCP","h",80\r\n', 12 * S)
    modem.network(events.Connected(0, "192.168.1.50", 80, 50_001), 13 * S)
    ask(modem, b"AT+CIPSEND=1\r\n", 13 * S)
    for late in (events.PeerClosed(0), events.PeerClosed(0), events.Received(0, b"x"), events.PeerClosed(1)):
        modem.network(late, 14 * S)
    assert modem._core.links._news == [events.PeerClosed(0)]


def test_a_profile_is_a_table_of_values() -> None:
    hasty = dataclasses.replace(NONOS_1_7_4, name="hasty", banner=b"\r\ngo\r\n", boot_ns=1)
    modem = Modem(hasty, radio=RADIO)
    modem.power_on(0)
    assert said(modem.advance(1)) == b"\r\ngo\r\n"


def test_settings_show_no_secret_once_they_are_masked() -> None:
    secrets = ["join-secret", "softap-secret", "enterprise-secret", "key-secret"]
    settings = Settings(
        password=secrets[0],
        softap=SoftApSettings(password=secrets[1]),
        enterprise=Enterprise("lab", 1, "me", "me", secrets[2]),
        ssl_options=(SslOptions(key=secrets[3]),),
        partitions=(("client_key", b"partition-secret"),),
    )
    masked = settings.masked(lambda secret: "*" * len(secret))
    assert "secret" in str(dataclasses.asdict(settings))
    assert "secret" not in str(dataclasses.asdict(masked))
    assert len(masked.partitions[0][1]) == len(b"partition-secret")


def joined_to(profile: Profile, radio: Radio, command: bytes) -> bytes:
    """Return what `AT+CWJAP?` answers after a join that has had twenty seconds."""
    modem = Modem(profile, radio=radio)
    modem.power_on(0)
    modem.advance(S)
    ask(modem, b"ATE0\r\n", S)
    modem.receive(command, 2 * S)
    modem.advance(22 * S)
    return ask(modem, b"AT+CWJAP?\r\n", 23 * S)


@pytest.mark.parametrize(
    ("profile", "command", "bssid"),
    [
        (ESPAT_2_2, b'AT+CWJAP="lab",""\r\n', b"02:00:00:00:00:01"),
        (ESPAT_2_2, b'AT+CWJAP="lab","",,,,,1\r\n', b"02:00:00:00:00:02"),
        (NONOS_1_7_4, b'AT+CWJAP="lab",""\r\n', b"02:00:00:00:00:02"),
    ],
)
def test_the_first_access_point_or_the_strongest(profile: Profile, command: bytes, bssid: bytes) -> None:
    weak = AccessPoint("lab", bssid="02:00:00:00:00:01", rssi_dbm=-80)
    strong = AccessPoint("lab", bssid="02:00:00:00:00:02", rssi_dbm=-40)
    assert bssid in joined_to(profile, Radio([weak, strong]), command)


@pytest.mark.parametrize(
    ("command", "joins"),
    [
        (b'AT+CWJEAP="office",0,"me",,,3\r\n', True),
        (b'AT+CWJEAP="office",1,"me","me","office-key",0\r\n', True),
        (b'AT+CWJEAP="office",1,"me","me","other-key",0\r\n', False),
        (b'AT+CWJAP="office","office-key"\r\n', False),
    ],
)
def test_an_enterprise_network_wants_an_identity(command: bytes, joins: bool) -> None:
    office = AccessPoint("office", "office-key", encryption=Encryption.WPA2_ENTERPRISE)
    assert (b"+CWJAP:" in joined_to(ESPAT_2_2, Radio([office]), command)) is joins


def test_the_modules_own_connections_take_what_comes() -> None:
    modem = linked(passive=True)
    modem.network(events.Received(0, 99 * b"x"), 14 * S)
    assert modem.receive_window(0) == NONOS_1_7_4.window_bytes - 99
    assert modem.receive_window(events.MQTT_CHANNEL) == NONOS_1_7_4.window_bytes
    assert modem.receive_window(events.HTTP_CHANNEL) == NONOS_1_7_4.window_bytes
