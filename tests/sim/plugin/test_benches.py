"""The benches behind the fixtures, without pytest around them."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from unosim.board import Image, load_image
from unosim.faults import Plan
from unosim.lab import set_up_eeprom
from unosim.modem import NONOS_1_7_4, AccessPoint
from unosim.network import Reply
from unosim.parts import Analog, Led
from unosim.pytest_plugin.benches import ModemBench, UnoBench, WiredUnoBench
from unosim.pytest_plugin.lab_network import LabNetwork, ScriptedPeer, Turn, UnexpectedRequestError
from unosim.pytest_plugin.listener import NotSaidError
from unosim.trace import Channel

LAB = AccessPoint("lab")
FIRMWARE = Path(__file__).parents[3] / ".pio/build/uno/firmware.elf"


@pytest.fixture(scope="session")
def greeter_image(greeter: Path) -> Image:
    return load_image(greeter)


def modem(plan: str = "", network: LabNetwork | None = None) -> ModemBench:
    return ModemBench(Plan.parse(plan), LAB, NONOS_1_7_4, network or LabNetwork())


def test_expect_consumes_and_expect_exact_returns_what_stood_before() -> None:
    bench = modem()
    bench.expect(rb"\r\nready\r\n")
    bench.write(b"AT\r\n")
    assert bench.expect_exact(b"OK") == b"AT\r\n\r\n"
    assert bench.unread == b""
    bench.write(b"AT\r\n")
    assert bench.expect(re.compile(rb"A(T)"))[1] == b"T"
    assert bench.expect_exact(b"OK\r\n") == b"\r\n\r\n"


def test_a_time_out_is_simulated_and_says_what_was_heard_instead() -> None:
    bench = modem()
    bench.expect_exact(b"ready\r\n")
    started_s = bench.now_s
    bench.write(b"AT\r\n")
    with pytest.raises(NotSaidError, match=r"nobody said b'x' in 3600 simulated seconds.*b'AT.*OK") as caught:
        bench.expect(b"x", timeout_s=3_600)
    assert bench.now_s == started_s + 3_600
    assert caught.value.unread == b"AT\r\n\r\nOK\r\n"
    assert bench.expect_exact(b"OK") == b"AT\r\n\r\n"


def test_a_long_unread_text_is_shown_by_its_end() -> None:
    bench = modem()
    bench.expect_exact(b"ready\r\n")
    bench.write(b"A" * 1_000 + b"Z")
    with pytest.raises(NotSaidError) as caught:
        bench.expect_exact(b"!", timeout_s=1)
    assert len(caught.value.unread) == 1_001
    assert "...b'" + "A" * 399 + "Z'" in str(caught.value)


def test_the_boot_text_at_another_rate_is_garbage() -> None:
    bench = modem()
    heard = bench.expect_exact(b"ready\r\n")
    assert b"ets Jan" not in heard
    assert b"ets Jan" in bench.trace.heard(Channel.ESP_TX)


def test_a_host_at_another_rate_is_not_understood() -> None:
    bench = modem()
    bench.expect_exact(b"ready\r\n")
    bench.baud = 9_600
    bench.write(b"AT\r\n")
    bench.run_for(1)
    assert b"OK" not in bench.unread


def test_the_faults_of_a_plan_strike_the_network_too() -> None:
    network = LabNetwork()
    network.script("s.lan", 1, [])
    bench = modem("refusal@0", network)
    bench.expect_exact(b"ready\r\n")
    bench.write(b'AT+CWJAP_CUR="lab",""\r\n')
    bench.expect_exact(b"GOT IP\r\n\r\nOK\r\n")
    for verdict in (b"ERROR\r\n", b"CONNECT\r\n\r\nOK\r\n"):
        bench.write(b'AT+CIPSTART="TCP","s.lan",1\r\n')
        bench.expect_exact(verdict)
    assert [str(stroke.fault) for stroke in bench.happened] == ["refusal@0"]


def test_wifi_that_is_lost_is_that_of_the_access_point() -> None:
    bench = modem("wifi-lost:uno>esp@23,seconds=2")
    bench.expect_exact(b"ready\r\n")
    bench.write(b'AT+CWJAP_CUR="lab",""\r\n')
    bench.expect_exact(b"GOT IP\r\n\r\nOK\r\n")
    bench.write(b"A")
    bench.expect_exact(b"WIFI DISCONNECT\r\n", timeout_s=1)
    bench.expect_exact(b"WIFI GOT IP\r\n")


JOIN = (b'AT+CWJAP_CUR="lab",""\r\n', b"GOT IP\r\n\r\nOK\r\n")


def dialogue(bench: ModemBench, *turns: tuple[bytes, bytes]) -> None:
    for said, heard in turns:
        bench.write(said)
        bench.expect_exact(heard)


def test_somebody_calls_the_module() -> None:
    network = LabNetwork()
    bench = modem(network=network)
    bench.expect_exact(b"ready\r\n")
    refused = network.call(80)
    ok = b"OK\r\n"
    dialogue(bench, JOIN, (b"AT+CIPMUX=1\r\n", ok), (b"AT+CIPSERVER=1,80\r\n", ok))
    assert (refused.connected, refused.ended) == (False, True)
    call = network.call(80, b"GET / HTTP/1.0\r\n\r\n")
    bench.expect_exact(b"0,CONNECT\r\n\r\n+IPD,0,18:GET / HTTP/1.0\r\n\r\n")
    dialogue(bench, (b"AT+CIPSEND=0,5\r\n", b"> "), (b"hello", b"SEND OK\r\n"))
    assert (call.heard, call.ended) == (b"hello", False)
    dialogue(bench, (b"AT+CIPCLOSE=0\r\n", b"0,CLOSED\r\n"))
    assert call.ended


@pytest.mark.parametrize(("checks", "verdict"), [(0, b"CONNECT\r\n"), (2, b"ERROR\r\nCLOSED\r\n")])
def test_a_server_that_nobody_trusts(checks: int, verdict: bytes) -> None:
    network = LabNetwork()
    network.script("cloud.lan", 443, [(b"hi", b"hello")])
    network.distrust("cloud.lan", 443)
    bench = modem(network=network)
    bench.expect_exact(b"ready\r\n")
    dialogue(bench, JOIN, (b"AT+CIPSSLCCONF=%d\r\n" % checks, b"OK\r\n"))
    dialogue(bench, (b'AT+CIPSTART="SSL","cloud.lan",443\r\n', verdict))


def test_stations_come_and_go() -> None:
    bench = modem()
    bench.expect_exact(b"ready\r\n")
    dialogue(bench, (b"AT+CWMODE_CUR=2\r\n", b"OK\r\n"))
    bench.station_joins("02:00:00:00:00:07")
    bench.expect_exact(
        b'+STA_CONNECTED:"02:00:00:00:00:07"\r\n+DIST_STA_IP:"02:00:00:00:00:07","192.168.4.2"'
    )
    bench.station_leaves("02:00:00:00:00:07")
    bench.expect_exact(b'+STA_DISCONNECTED:"02:00:00:00:00:07"\r\n')


def test_an_uno_and_its_pins(greeter_image: Image) -> None:
    bench = UnoBench(Plan(), greeter_image)
    bench.baud = 9_600
    bench.expect_exact(b"ready\r\n")
    for millivolts, code in ((0, 0), (2_500, 512), (4_999, 1_023)):
        bench.set_analog_mv(0, millivolts)
        bench.write(b"v")
        assert int(bench.expect(rb"A0 (\d+)\r\n")[1]) == code
    assert bench.pin_level(13) is False
    bench.write(b"l")
    bench.expect_exact(b"lit", timeout_s=31)
    assert bench.pin_level(13) is True
    for pin, register in ((2, 0x29), (14, 0x26)):  # D2 and A0 by the data addresses of PIND and PINC
        for level in (True, False):
            bench.drive_pin(pin, level=level)
            bench.run_for(0.001)
            assert bench.pin_level(pin) is level
            assert bool(bench.simulation.board.read_data(register, 1)[0] & (4 if pin == 2 else 1)) is level


def test_the_image_fills_the_eeprom(greeter_image: Image) -> None:
    bench = UnoBench(Plan(), Image(greeter_image.flash, eeprom=b"\x12\x34"))
    assert bench.simulation.board.eeprom[:3] == b"\x12\x34\xff"


def test_parts_are_put_on_an_uno(greeter_image: Image) -> None:
    bench = UnoBench(Plan(), greeter_image)
    bench.baud = 9_600
    bench.attach(Analog("A0", lambda now_ns: now_ns // 1_000_000))  # a volt a second
    bench.attach(led := Led())
    bench.expect_exact(b"ready\r\n")
    bench.run_for(2.5 - bench.now_s)
    bench.write(b"v")
    assert int(bench.expect(rb"A0 (\d+)\r\n")[1]) == pytest.approx(512, abs=1)
    bench.write(b"l")
    bench.expect_exact(b"lit", timeout_s=31)
    assert [change.lit for change in led.changes] == [False, True]


@pytest.mark.parametrize("pin", [-1, 20])
def test_a_pin_that_is_none(greeter_image: Image, pin: int) -> None:
    bench = UnoBench(Plan(), greeter_image)
    with pytest.raises(ValueError, match="an Uno has no pin"):
        bench.pin_level(pin)
    with pytest.raises(ValueError, match="an Uno has no analog channel"):
        bench.set_analog_mv(pin, 0)


def test_an_uno_at_another_rate_says_garbage(greeter_image: Image) -> None:
    bench = UnoBench(Plan(), greeter_image)
    assert bench.baud == 115_200
    with pytest.raises(NotSaidError):
        bench.expect_exact(b"ready", timeout_s=1)
    assert bench.unread != b""


def test_the_wire_between_test_and_uno_can_be_struck(greeter_image: Image) -> None:
    bench = UnoBench(Plan.parse("drop-byte:uno>esp@1"), greeter_image)
    bench.baud = 9_600
    bench.expect_exact(b"rady\r\n", timeout_s=1)


def test_a_wired_uno_is_heard_on_both_ends() -> None:
    bodies: list[bytes] = []

    class Server:
        def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:  # noqa: ARG002  # this peer has no clock
            bodies.append(data)
            return [Reply(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")]

    network = LabNetwork()
    network.peer("ingest.lan", 8080, Server)
    access_point = AccessPoint("unolink", "simulated")
    image = load_image(FIRMWARE)
    image = dataclasses.replace(image, eeprom=set_up_eeprom(image.flash))
    bench = WiredUnoBench(Plan(), image, access_point, NONOS_1_7_4, network)
    bench.expect(rb'AT\+CWJAP_CUR="unolink"')
    assert b"ready" in bench.modem.expect_exact(b"WIFI GOT IP")
    bench.modem.expect_exact(b"+IPD,")
    assert b"POST /v1/readings" in bodies[0]
    report = bench.report("again and again")
    assert "uno  AT+CIPSTART=" in report
    assert "to net  POST /v1/readings" in report
    assert '"unolink","********0"' in report
    assert report.endswith("again   again and again")


def heard(script: Sequence[Turn], *said: bytes) -> list[Reply]:
    peer = ScriptedPeer(script)
    return [reply for data in said for reply in peer.receive(data, 5_000_000)]


def test_a_script_is_followed_however_the_bytes_arrive() -> None:
    slow = Reply(b"c", after_ns=7, close=True)
    script: list[Turn] = [(b"ask", b"a"), (re.compile(rb"b\d+;"), b"b"), (b"c", slow)]
    assert heard(script, b"askb12;c") == [Reply(b"a"), Reply(b"b"), slow]
    assert heard(script, b"as", b"k", b"b1", b"2;", b"c") == [Reply(b"a"), Reply(b"b"), slow]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b"axe", "the peer waits for b'ask' and hears b'axe' at 0.005000 s"),
        (b"askmore", "the script is over, and the peer hears b'more' at 0.005000 s"),
    ],
)
def test_what_a_script_does_not_know_fails_the_test(said: bytes, complaint: str) -> None:
    with pytest.raises(UnexpectedRequestError) as caught:
        heard([(b"ask", b"a")], said)
    assert str(caught.value) == complaint
