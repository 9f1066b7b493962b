"""Callers and datagrams over real sockets."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from pytest_mock import MockerFixture

from sim.network.socket_world import WAIT_S, Told, settle
from unosim.modem import actions, events
from unosim.modem.actions import Kind
from unosim.network.datagrams import DATAGRAM_BYTES_MAX
from unosim.network.reception import EXHAUSTED_NS, WAITING_MAX, InboundError
from unosim.network.seam import Directory
from unosim.network.sockets import SocketNetwork

ANY = ("127.0.0.1", 0)
ROOM = 5_840


class House:
    """A network whose module's port 80 can be called, and what was told in words."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.room = ROOM
        self.network = SocketNetwork({}, lambda _link: self.room, inbound={80: ANY}, tell=self.words.append)
        self.address = self.network.inbound[80]

    def perform(self, action: actions.NetworkAction) -> None:
        self.network.perform(action, time.monotonic_ns())

    def told(self) -> events.NetworkEvent:
        (event,) = settle(self.network, bool)
        return event


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.network.close()


@pytest.fixture
def call(house: House) -> Iterator[socket.socket]:
    """Somebody who has called and whose call has been reported."""
    house.perform(actions.Listen(80))
    with socket.create_connection(house.address, WAIT_S) as caller:
        incoming = house.told()
        host, port = caller.getsockname()
        assert incoming == events.Incoming(1, host, port, 80)
        yield caller


def is_refused(house: House) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(house.address) == errno.ECONNREFUSED


def test_a_caller_becomes_a_link(house: House, call: socket.socket) -> None:
    call.sendall(b"GET / HTTP/1.0\r\n\r\n")
    house.perform(actions.Accept(1, 3))
    assert house.told() == events.Received(3, b"GET / HTTP/1.0\r\n\r\n")
    house.perform(actions.Send(3, b"hello"))
    assert call.recv(99) == b"hello"
    assert house.told() == events.Acknowledged(3, 5)
    house.perform(actions.Close(3))
    assert call.recv(99) == b""


def test_a_caller_that_is_refused_is_reset(house: House, call: socket.socket) -> None:
    house.perform(actions.Refuse(1))
    with pytest.raises(ConnectionResetError):
        call.recv(9)


def test_callers_are_refused_unless_the_module_listens(house: House) -> None:
    for _ in range(3):
        assert is_refused(house)
        house.perform(actions.Listen(80))
        assert not is_refused(house)
        house.perform(actions.StopListening())
    assert is_refused(house)


@pytest.mark.usefixtures("call")
def test_who_waits_when_the_module_stops_listening_is_reset(house: House, call: socket.socket) -> None:
    house.perform(actions.StopListening())
    with pytest.raises(ConnectionResetError):
        call.recv(9)
    house.perform(actions.Accept(1, 0))  # said before the module knew
    assert house.told() == events.PeerClosed(0)


def test_no_more_wait_than_the_module_could_take(house: House) -> None:
    house.perform(actions.Listen(80))
    with ExitStack() as stack:
        for _ in range(WAITING_MAX + 2):
            stack.enter_context(socket.create_connection(house.address, WAIT_S))
        told = settle(house.network, lambda told: len(told) == WAITING_MAX)
        assert [one.connection for one in told if isinstance(one, events.Incoming)] == [1, 2, 3, 4, 5]
        assert len(house.network.readers()) == 1
        house.perform(actions.Refuse(1))
        assert house.told().__class__ is events.Incoming


def test_a_port_that_leads_nowhere_is_told(house: House) -> None:
    house.perform(actions.Listen(81))
    assert house.words == ["the module listens on port 81, and nothing of this machine leads there"]
    assert is_refused(house)


def test_an_address_that_cannot_be_had_is_an_error() -> None:
    with socket.create_server(ANY) as taken, pytest.raises(InboundError, match="Address already in use") as e:
        SocketNetwork({}, lambda _link: 0, inbound={80: taken.getsockname()})
    assert "a port that is free" in e.value.hint


def test_a_port_that_is_lost_meanwhile_is_told(house: House, mocker: MockerFixture) -> None:
    mocker.patch.object(
        socket.socket, "bind", side_effect=OSError(errno.EADDRINUSE, "Address already in use")
    )
    house.perform(actions.Listen(80))
    assert house.words == ["nobody can call port 80: address already in use"]


def test_without_descriptors_callers_wait_and_nobody_spins(house: House, mocker: MockerFixture) -> None:
    house.perform(actions.Listen(80))
    with socket.create_connection(house.address, WAIT_S):
        broken = mocker.patch.object(socket.socket, "accept", side_effect=OSError(errno.EMFILE, "too many"))
        assert house.network.poll(5) == []
        assert house.network.next_deadline() == 5 + EXHAUSTED_NS
        assert len(house.network.readers()) == 1
        mocker.stop(broken)
        assert isinstance(house.network.poll(5 + EXHAUSTED_NS)[0], events.Incoming)


# Datagrams


class Air:
    """A UDP peer, and a network that reaches it by a route, or anything."""

    def __init__(self, *, anywhere: bool) -> None:
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(ANY)
        self.peer.settimeout(WAIT_S)
        self.address: tuple[str, int] = self.peer.getsockname()
        self.room = ROOM
        routes = (
            None if anywhere else {("time.lan", 123): self.address, ("nobody.lan", 1): ("no.such.host", 1)}
        )
        self.network = SocketNetwork(routes, lambda _link: self.room)

    def connect(self, host: str, port: int, local_port: int = 0) -> events.NetworkEvent:
        self.network.perform(actions.Connect(0, host, port, Kind.UDP, local_port), 0)
        (event,) = settle(self.network, bool)
        return event

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        self.network.perform(actions.Send(0, data, to), 0)

    def told(self) -> Told:
        return settle(self.network, bool)

    def close(self) -> None:
        self.network.close()
        self.peer.close()


@pytest.fixture
def routed() -> Iterator[Air]:
    air = Air(anywhere=False)
    yield air
    air.close()


@pytest.fixture
def free() -> Iterator[Air]:
    air = Air(anywhere=True)
    yield air
    air.close()


def module_address(connected: events.NetworkEvent) -> tuple[str, int]:
    assert isinstance(connected, events.Connected)
    return "127.0.0.1", connected.local_port


def test_datagrams_go_both_ways_on_a_route(routed: Air) -> None:
    connected = routed.connect("time.lan", 123)
    assert isinstance(connected, events.Connected)
    assert (connected.address, connected.remote_port) == (Directory.ADDRESS, 123)
    routed.send(b"time?", (Directory.ADDRESS, 123))
    data, module = routed.peer.recvfrom(99)
    assert data == b"time?"
    for answer in (b"12:00", b"12:01"):
        routed.peer.sendto(answer, module)
        assert routed.told() == [events.Received(0, answer, (Directory.ADDRESS, 123))]


def test_strangers_are_heard_without_routes_only(routed: Air, free: Air) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(ANY)
        at = module_address(routed.connect("time.lan", 123))
        stranger.sendto(b"boo", at)
        routed.send(b"time?", (Directory.ADDRESS, 123))
        routed.peer.recvfrom(99)
        routed.peer.sendto(b"12:00", at)
        assert routed.told() == [events.Received(0, b"12:00", (Directory.ADDRESS, 123))]
        stranger.sendto(b"boo", module_address(free.connect(*free.address)))
        assert free.told() == [events.Received(0, b"boo", stranger.getsockname())]


def test_a_datagram_that_no_route_leads_to_is_lost(routed: Air) -> None:
    assert isinstance(routed.connect("time.lan", 9), events.Connected)
    routed.send(b"lost", (Directory.ADDRESS, 9))
    routed.send(b"lost", ("203.0.113.1", 9))
    routed.send(b"came", (Directory.ADDRESS, 123))
    assert routed.peer.recvfrom(99)[0] == b"came"


def test_a_port_of_ones_own_can_be_had_once(free: Air) -> None:
    first = free.connect(*free.address)
    assert isinstance(first, events.Connected)
    taken = free.address[1]
    assert free.connect(*free.address, local_port=taken) == events.ConnectFailed(
        0, events.Failure.UNSUPPORTED
    )
    again = free.connect(*free.address, local_port=first.local_port)
    assert isinstance(again, events.Connected)
    assert again.local_port == first.local_port


def test_what_a_module_cannot_take_is_not_brought(free: Air) -> None:
    at = module_address(free.connect(*free.address))
    free.peer.sendto(bytes(DATAGRAM_BYTES_MAX + 1), at)
    free.peer.sendto(b"", at)
    free.peer.sendto(bytes(DATAGRAM_BYTES_MAX), at)
    assert free.told() == [events.Received(0, bytes(DATAGRAM_BYTES_MAX), free.address)]
    free.room = DATAGRAM_BYTES_MAX - 1
    free.peer.sendto(b"waits", at)
    assert len(free.network.readers()) == 1
    assert free.network.poll(0) == []
    free.room = ROOM
    assert free.told() == [events.Received(0, b"waits", free.address)]
