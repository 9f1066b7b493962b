"""Random bytes in random chunks with random network events: nothing raises, nothing grows, time goes on."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unosim.modem import PROFILES, AccessPoint, Crash, Modem, Profile, Radio, Settings, actions, events
from unosim.modem.commands.espat.http import BODY_BYTES
from unosim.modem.http_client import PIECE_BYTES
from unosim.modem.link import BACKLOG_BYTES, DATAGRAMS
from unosim.modem.mqtt import UNCONFIRMED_MAX
from unosim.modem.mqtt_packets import PACKET_BYTES as MQTT_PACKET_BYTES
from unosim.modem.pass_through import PACKET_BYTES

MS = 1_000_000
RADIO = Radio([AccessPoint("lab", "secret-key"), AccessPoint("cafe")])

PACKET_BYTES_MAX = MQTT_PACKET_BYTES + 5
"""A packet and its header."""
links = st.integers(0, 6)
ESPAT_COMMANDS = [
    b'AT+CWJAP="lab","secret-key",,1,,,,,3\r\n',
    b"AT+CWJAP\r\n",
    b'AT+CWJEAP="lab",0,"me",,,3\r\n',
    b"AT+CWRECONNCFG=1,1\r\n",
    b"AT+CWRECONNCFG=0,0\r\n",
    b"AT+CWMODE=0\r\n",
    b"AT+CWMODE=1\r\n",
    b"AT+SYSLOG=1\r\n",
    b"AT+SYSMSG=7\r\n",
    b"AT+SYSSTORE=0\r\n",
    b'AT+SYSFLASH=1,"mqtt_ca",0,4096\r\n',
    b"AT+SYSREG=1,0x60000000,5\r\n",
    b'AT+CIPSTARTEX="TCP","h",80\r\n',
    b"AT+CIPTCPOPT=5,0\r\n",
    b"AT+CIPRECVMODE=0\r\n",
    b"AT+CIPRECVDATA=1,9\r\n",
    b"AT+CIPSERVER=0,1\r\n",
    b"AT+CIPSSLCCONF=5,3\r\n",
    b'AT+MQTTUSERCFG=0,1,"c","u","p",0,0,""\r\n',
    b'AT+MQTTCONNCFG=0,2,0,"w","m",0,0\r\n',
    b'AT+MQTTCONN=0,"h",1883,1\r\n',
    b'AT+MQTTSUB=0,"t",2\r\n',
    b'AT+MQTTUNSUB=0,"t"\r\n',
    b'AT+MQTTPUB=0,"t","x",2,0\r\n',
    b'AT+MQTTPUBRAW=0,"t",5,1,0\r\n',
    b"AT+MQTTCLEAN=0\r\n",
    b'AT+HTTPCLIENT=2,0,"http://h/","","",1\r\n',
    b'AT+HTTPGETSIZE="http://h/"\r\n',
    b'AT+HTTPCPOST="http://h/",5\r\n',
]
BROKER_BYTES = [
    b"\x20\x02\x00\x00",
    b"\x20\x02\x00\x05",
    b"\x90\x03\x00\x01\x00",
    b"\x40\x02\x00\x01",
    b"\x50\x02\x00\x01\x70\x02\x00\x01",
    b"\xb0\x02\x00\x01",
    b"\xd0\x00",
    b"\x34\x05\x00\x01t\x00\x07",
    b"\x62\x02\x00\x07",
    b"\x30\xff\xff\xff\x7f",
]
SERVER_BYTES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 404 Not Found\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
]
commands = st.sampled_from(
    [
        *ESPAT_COMMANDS,
        b"AT\r\n",
        b"ATE0\r\n",
        b"AT+RST\r\n",
        b"AT+CIPMUX=1\r\n",
        b"AT+CIPMUX=0\r\n",
        b"AT+CIPMODE=1\r\n",
        b"AT+CIPRECVMODE=1\r\n",
        b'AT+CIPSTART="TCP","h",80\r\n',
        b'AT+CIPSTART=1,"TCP","h",80\r\n',
        b"AT+CIPSEND=5\r\n",
        b"AT+CIPSEND=1,2048\r\n",
        b"AT+CIPSENDEX=9\r\n",
        rb"a\0",
        b"AT+CIPRECVDATA=9\r\n",
        b"AT+CIPCLOSE\r\n",
        b"AT+CIPCLOSE=5\r\n",
        b"AT+CIPSTATUS\r\n",
        b"+++",
        b"hello",
        b'AT+CWJAP="lab","secret-key"\r\n',
        b'AT+CWJAP_DEF="cafe",""\r\n',
        b"AT+CWQAP\r\n",
        b"AT+CWLAP\r\n",
        b"AT+CWMODE=2\r\n",
        b"AT+CWMODE=3\r\n",
        b'AT+CIPSTA="10.0.0.7"\r\n',
        b"AT+CWDHCP=1,0\r\n",
        b"AT+UART_CUR=9600,8,1,0,0\r\n",
        b'AT+PING="h"\r\n',
        b'AT+CIPDOMAIN="h"\r\n',
        b"AT+RESTORE\r\n",
        b'AT+CIPSTART="UDP","h",80,90,2\r\n',
        b'AT+CIPSTART=2,"SSL","h",443\r\n',
        b'AT+CIPSEND=5,"1.2.3.4",80\r\n',
        b"AT+CIPSENDBUF=5\r\n",
        b"AT+CIPSENDBUF=1,2048\r\n",
        b"AT+CIPBUFSTATUS\r\n",
        b"AT+CIPSEND\r\n",
        b'AT+SAVETRANSLINK=1,"h",80\r\n',
        b"AT+SAVETRANSLINK=0\r\n",
        b"AT+CIPSERVER=1,80\r\n",
        b"AT+CIPSERVER=0\r\n",
        b"AT+CIPSTO=5\r\n",
        b"AT+SYSMSG_CUR=3\r\n",
        b"AT+CIPSNTPCFG=1\r\n",
        b"AT+CIPSNTPTIME?\r\n",
        b"AT+WPS=1\r\n",
        b"AT+CWSTARTSMART\r\n",
    ]
)
at_like = st.builds(
    lambda name, mark, rest: b"AT" + name + mark + rest + b"\r\n",
    st.sampled_from(
        [
            *(b"+CWJAP", b"+CIPSTART", b"+CIPSEND", b"+UART", b"+CWLAP", b"+CIPSTA", b"+CIPDNS_CUR", b"E"),
            *(b"+MQTTPUB", b"+MQTTCONN", b"+HTTPCLIENT", b"+HTTPCPOST", b"+SYSFLASH", b"+CIPSNTPCFG"),
        ]
    ),
    st.sampled_from([b"", b"=", b"?", b"=?", b"0"]),
    st.binary(max_size=300) | st.text('0123456789,"\\-ab', max_size=20).map(str.encode),
)
network_events = st.one_of(
    st.builds(events.Connected, links, st.just("1.2.3.4"), st.just(80), st.just(50_000)),
    st.builds(events.ConnectFailed, links, st.sampled_from(events.Failure)),
    st.builds(events.Acknowledged, links, st.integers(1, 5)),
    st.builds(events.Received, links, st.binary(min_size=1, max_size=10_000)),
    st.builds(events.Connected, st.integers(5, 6), st.just("1.2.3.4"), st.just(80), st.just(50_000)),
    st.builds(events.Received, st.just(5), st.sampled_from(BROKER_BYTES)),
    st.builds(events.Received, st.just(6), st.sampled_from(SERVER_BYTES)),
    st.builds(events.Received, links, st.binary(min_size=1, max_size=99), st.just(("1.2.3.5", 81))),
    st.builds(events.Incoming, st.integers(0, 9), st.just("1.2.3.6"), st.just(40_000), st.just(80)),
    st.builds(events.TimeTold, st.integers(0, 2**32 - 1)),
    st.builds(events.PeerClosed, links),
    st.builds(events.Resolved, st.just("h"), st.none() | st.just("1.2.3.4")),
    st.builds(events.Pong, st.just("h"), st.none() | st.integers(0, 999)),
)
steps = st.one_of(
    st.tuples(st.just("receive"), st.binary(max_size=300) | commands | at_like),
    st.tuples(st.just("receive"), commands),
    st.tuples(st.just("network"), network_events),
    st.tuples(st.sampled_from(["access_point_lost", "access_point_back"]), st.sampled_from(["lab", "cafe"])),
    st.tuples(st.just("power_on"), st.none()),
    st.tuples(st.just("crash"), st.sampled_from(Crash)),
    st.tuples(st.sampled_from(["guest_joined", "guest_left"]), st.sampled_from(["02:aa", "02:bb"])),
    st.tuples(st.just("wps_button_pushed"), st.sampled_from(["lab", "nowhere"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 5_000, 20_000])),
)


PRELUDES: list[list[tuple[str, object]]] = [
    [],
    [
        ("receive", b'AT+MQTTUSERCFG=0,1,"c","u","p",0,0,""\r\n'),
        ("receive", b'AT+MQTTCONN=0,"h",1883,1\r\n'),
        ("network", events.Connected(5, "1.2.3.4", 1883, 50_000)),
        ("network", events.Received(5, BROKER_BYTES[0])),
    ],
    [
        ("receive", b'AT+HTTPCLIENT=2,0,"http://h/","","",1\r\n'),
        ("network", events.Connected(6, "1.2.3.4", 80, 50_000)),
    ],
    [
        ("receive", b"AT+CIPMUX=1\r\n"),
        ("receive", b"AT+CIPRECVMODE=1\r\n"),
        ("receive", b'AT+CIPSTART=1,"TCP","h",80\r\n'),
        ("network", events.Connected(1, "1.2.3.4", 80, 50_001)),
    ],
]
"""Ways into states that chance alone rarely finds."""


def check_limits(modem: Modem) -> None:
    core = modem._core
    assert len(modem._chunker) < core.profile.chunk_bytes
    assert len(core.line._stored) <= max(core.profile.line_bytes + core.profile.chunk_bytes, BODY_BYTES)
    assert len(core.mqtt._connection.decoder) <= PACKET_BYTES_MAX
    assert len(core.mqtt._connection.unconfirmed) <= UNCONFIRMED_MAX + 1
    assert len(core.http._body) < PIECE_BYTES
    assert len(core.line._recent) <= len(b"AT+RST\r\n")
    for link in core.links.links:
        assert len(link.held) <= link.window_bytes
        assert len(link.datagrams) <= DATAGRAMS
        assert sum(map(len, link.backlog)) == link._backlog_bytes <= BACKLOG_BYTES
    assert len(core.pass_through._packet) < PACKET_BYTES
    assert all(core.links._held_back_bytes(number) <= BACKLOG_BYTES for number in range(5))
    assert len(core.softap.guests) <= core.running.softap.guests_max
    assert len(core.kernel._timers) <= 20


def step(modem: Modem, what: str, argument: object, now_ns: int) -> list[actions.Action]:
    if what == "wait":
        return []
    call = getattr(modem, what)
    taken: list[actions.Action] = call(now_ns) if argument is None else call(argument, now_ns)
    return taken


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(list(PROFILES.values())),
    st.sampled_from(PRELUDES),
    st.lists(st.tuples(steps, st.integers(0, 50)), max_size=40),
)
def test_anything_goes(
    profile: Profile, prelude: list[tuple[str, object]], story: list[tuple[tuple[str, object], int]]
) -> None:
    modem = Modem(profile, radio=RADIO, settings=Settings(ssid="lab", password="secret-key"))  # noqa: S106  # nobody's
    modem.power_on(0)
    now_ns = 5_000 * MS
    modem.advance(now_ns)
    for (what, argument), pause_ms in [*((one, 20) for one in prelude), *story]:
        step(modem, what, argument, now_ns)
        check_limits(modem)
        until_ns = now_ns + (argument if isinstance(argument, int) else pause_ms) * MS
        while (due_ns := modem.next_deadline()) is not None and due_ns <= until_ns:
            assert due_ns >= now_ns
            now_ns = due_ns
            modem.advance(due_ns)
            check_limits(modem)
            following_ns = modem.next_deadline()
            assert following_ns is None or following_ns > due_ns
        now_ns = until_ns
