"""Random bytes in random pieces at random rates, with random faults, through the fronts.

Nothing raises, nothing hangs, nothing grows without bound, and the module is itself again afterwards. Time is
the test's own.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.faults.test_anything_goes import plans
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.esp01 import Module
from unosim.faults import Injection, Overrun, Plan
from unosim.faults.catalogue import ByteFault
from unosim.fronts.driver import Driver
from unosim.fronts.inprocess import RECEIVED_BYTES_MAX, InProcessStream
from unosim.fronts.pty import PtyStream
from unosim.fronts.rfc2217 import Rfc2217Stream
from unosim.fronts.stream import READ_BYTES, Stream
from unosim.fronts.tcp import TcpStream
from unosim.modem import PROFILES
from unosim.network import VirtualNetwork
from unosim.network.sockets import SocketNetwork
from unosim.trace import Entry
from unosim.uart import sampled
from unosim.wire import BACKLOG_BYTES_MAX, WiredModem

Say = Callable[[bytes], None]

LINES = [
    b"AT\r\n",
    b"ATE0\r\n",
    b"AT+GMR\r\n",
    b"AT+RST\r\n",
    b"AT+CIPMUX=1\r\n",
    b'AT+CWJAP="lab","secret-key"\r\n',
    b'AT+CIPSTART="TCP","s.lan",80\r\n',
    b'AT+CIPSTART=1,"UDP","s.lan",80\r\n',
    b'AT+CIPSTART="SSL","s.lan",443\r\n',
    b"AT+CIPSERVER=1,80\r\n",
    b"AT+CIPSEND=5\r\nhello",
    b"AT+UART_CUR=9600,8,1,0,0\r\n",
    b"AT+CIPMODE=1\r\nAT+CIPSEND\r\n",
    b"+++",
    b"\xff\xfa\x2c\x01",
]
pieces = st.lists(st.sampled_from(LINES) | st.binary(max_size=300), max_size=12)
steps_ns = st.lists(st.integers(0, 4 * NS_PER_S), min_size=12, max_size=12)
rates = st.integers(1_200, 2_000_000)
profiles = st.sampled_from(sorted(PROFILES))
RELAXED = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))

OUTPUT_BYTES_MAX = 200_000
"""Twelve pieces of 300 bytes cannot make a module say more, echo, complaints and 300 restarts included."""


@RELAXED
@given(profiles, plans, pieces, steps_ns, st.tuples(rates, rates))
def test_on_the_wire(
    profile: str, plan: Plan, said: list[bytes], steps: list[int], bauds: tuple[int, int]
) -> None:
    baud, heard_baud = bauds
    injection = Injection(plan)
    entries: list[Entry] = []
    module = Module(PROFILES[profile])
    network = injection.network(VirtualNetwork({}))
    wired = WiredModem(injection.modem(module.make(), ["lab"]), network, entries.append)
    wired.power_on(0)
    now_ns, heard_bytes = 0, 0
    for data, step_ns in zip(said, steps, strict=False):
        wired.say(data, baud, now_ns)
        now_ns += step_ns
        wired.run(now_ns)
        heard_bytes += len(wired.heard(heard_baud, now_ns))
        assert all(wired.room(link) >= 0 for link in range(5))
    now_ns += 60 * NS_PER_S
    wired.run(now_ns)
    heard_bytes += len(wired.heard(heard_baud, now_ns))
    assert wired.listening
    assert heard_bytes == sum(len(entry.data) for entry in entries if entry.channel == "esp>uno")
    assert heard_bytes < OUTPUT_BYTES_MAX
    wired.power_on(now_ns)
    wired.run(now_ns + NS_PER_S)
    if not any(isinstance(fault, ByteFault | Overrun) for fault in plan.faults):
        assert b"ready\r\n" in wired.heard(None, now_ns + NS_PER_S)


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("baud", [9_600, 57_600, 115_200, 230_400])
def test_every_profile_boots_at_the_rom_s_rate_and_is_garbage_at_another(profile: str, baud: int) -> None:
    wired = WiredModem(Module(PROFILES[profile]).make(), VirtualNetwork({}), lambda _entry: None)
    wired.power_on(0)
    wired.run(200 * NS_PER_MS)
    text = PROFILES[profile].rom_text % 1
    bits = [10**12 // rate for rate in (PROFILES[profile].rom_baud, baud)]
    heard = wired.heard(baud, 200 * NS_PER_MS)
    assert heard == text.translate(sampled(bits[0], bits[1]))
    assert b"ets Jan" not in heard


@contextmanager
def inprocess() -> Iterator[tuple[Stream, Say]]:
    stream = InProcessStream(115_200)

    def say(data: bytes) -> None:
        stream.say(data, 0)
        stream.set_baud(9_600 if data.startswith(b"AT+UART") else 115_200)

    yield stream, say


@contextmanager
def pty() -> Iterator[tuple[Stream, Say]]:
    stream = PtyStream()
    host = os.open(stream.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def say(data: bytes) -> None:
        with suppress(BlockingIOError):
            os.write(host, data)
        with suppress(BlockingIOError):
            os.read(host, READ_BYTES)

    yield stream, say
    os.close(host)


@contextmanager
def connected(stream: TcpStream) -> Iterator[tuple[Stream, Say]]:
    hosts: list[socket.socket] = []

    def say(data: bytes) -> None:
        """Speak; a host that was turned away comes again."""
        try:
            if not hosts:
                hosts.append(socket.create_connection(stream.address, 5))
                hosts[0].setblocking(False)
            hosts[0].send(data)
            hosts[0].recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            hosts.pop().close()

    yield stream, say
    for host in hosts:
        host.close()


FRONTS: dict[str, Callable[[], AbstractContextManager[tuple[Stream, Say]]]] = {
    "in process": inprocess,
    "pseudo-terminal": pty,
    "socket": lambda: connected(TcpStream("127.0.0.1", 0)),
    "rfc2217": lambda: connected(Rfc2217Stream("127.0.0.1", 0)),
}


@pytest.mark.parametrize("front", sorted(FRONTS))
@RELAXED
@given(profiles, plans, pieces, steps_ns)
def test_through_a_front(front: str, profile: str, plan: Plan, said: list[bytes], steps: list[int]) -> None:
    injection = Injection(plan)
    network = SocketNetwork({}, lambda link: wired.room(link))  # noqa: PLW0108  # wired comes to be below
    wired = WiredModem(
        injection.modem(Module(PROFILES[profile]).make(), ["lab"]),
        injection.network(network),
        lambda _entry: None,
    )
    with FRONTS[front]() as (stream, say):
        driver = Driver(wired, stream, network)
        wired.power_on(0)
        now_ns = 0
        for data, step_ns in zip(said, steps, strict=False):
            say(data)
            driver.turn(now_ns, ready=True)
            now_ns += step_ns
            driver.turn(now_ns, ready=False)
            assert len(wired._from_host) <= BACKLOG_BYTES_MAX + READ_BYTES
        driver.turn(now_ns + 60 * NS_PER_S, ready=True)
        assert driver.lost_bytes < OUTPUT_BYTES_MAX
        if isinstance(stream, InProcessStream):
            assert stream.waiting_bytes() <= RECEIVED_BYTES_MAX
        driver.close()
