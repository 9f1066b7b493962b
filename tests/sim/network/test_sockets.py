"""The network of real sockets: loopback peers, waits bounded by `settle`, no instants asserted."""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_mock import MockerFixture

from sim.network.socket_world import Told, settle
from unosim.modem import actions, events
from unosim.network import lookup
from unosim.network.connection import UNSENT_BYTES_MAX
from unosim.network.seam import Directory
from unosim.network.sockets import SocketNetwork

NAME = ("server.lan", 80)
WAIT_S = 10.0
ROOM = 5_840
SMALL_BYTES = 4_096
"""The receive buffer of the peers here, so that they can be slow."""


class World:
    """A listening server, a network with a route to it, and time."""

    def __init__(self, *, anywhere: bool = False) -> None:
        self.room = ROOM
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        self.listener.settimeout(WAIT_S)
        self.address = self.listener.getsockname()
        routes = None if anywhere else {NAME: self.address}
        self.network = SocketNetwork(routes, lambda _link: self.room)
        self.now_ns = 0

    def settle(self, enough: Callable[[Told], bool]) -> Told:
        return settle(self.network, enough)

    def perform(self, action: actions.NetworkAction) -> None:
        self.network.perform(action, self.now_ns)

    def connect(self, link: int = 4) -> socket.socket:
        self.perform(actions.Connect(link, *NAME))
        peer, _ = self.listener.accept()
        peer.settimeout(WAIT_S)
        (connected,) = self.settle(bool)
        port = peer.getpeername()[1]
        assert connected == events.Connected(link, Directory.ADDRESS, NAME[1], port)
        return peer

    def answer(self, action: actions.NetworkAction) -> events.NetworkEvent:
        self.perform(action)
        (event,) = self.settle(bool)
        return event


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.listener:
        yield world
        world.network.close()


@pytest.fixture
def open_world() -> Iterator[World]:
    world = World(anywhere=True)
    with world.listener:
        yield world
        world.network.close()


def test_bytes_go_both_ways_and_are_acknowledged_by_the_peer(world: World) -> None:
    with world.connect() as peer:
        world.perform(actions.Send(4, b"ping"))
        assert peer.recv(9) == b"ping"
        peer.sendall(b"pong")
        reported = world.settle(lambda events_: len(events_) == 2)
        assert reported == [events.Acknowledged(4, 4), events.Received(4, b"pong")]
    assert world.settle(bool) == [events.PeerClosed(4)]
    assert world.network.next_deadline() is None


def test_a_peer_is_paused_while_the_modem_has_no_room(world: World) -> None:
    with world.connect() as peer:
        peer.sendall(b"abcdef")
        world.room = 4
        assert world.settle(bool) == [events.Received(4, b"abcd")]
        world.room = 0
        assert len(world.network.readers()) == 1
        assert world.network.poll(world.now_ns) == []
        world.room = ROOM
        assert world.settle(bool) == [events.Received(4, b"ef")]


def test_what_the_peer_does_not_take_is_sent_later_and_is_not_acknowledged_before(world: World) -> None:
    with world.connect() as peer:
        total_bytes = UNSENT_BYTES_MAX  # more than the kernel's buffers hold
        world.perform(actions.Send(4, bytes(total_bytes)))
        assert world.network.writers()
        before = world.network.poll(world.now_ns)
        assert sum(one.count for one in before if isinstance(one, events.Acknowledged)) < total_bytes
        received_bytes = 0

        def all_acknowledged(reported: list[events.NetworkEvent]) -> bool:
            nonlocal received_bytes
            while select.select([peer], [], [], 0)[0]:
                received_bytes += len(peer.recv(1 << 20))
            counts = [one.count for one in [*before, *reported] if isinstance(one, events.Acknowledged)]
            return sum(counts) == total_bytes

        world.settle(all_acknowledged)
        assert received_bytes == total_bytes
        assert not world.network.writers()


def test_a_peer_that_takes_nothing_is_given_up_and_fills_no_buffer(world: World) -> None:
    with world.connect():
        reported: list[events.NetworkEvent] = []
        for _ in range(2 * UNSENT_BYTES_MAX // 2_048):
            world.perform(actions.Send(4, bytes(2_048)))
            reported += world.network.poll(world.now_ns)
        assert reported[-1] == events.PeerClosed(4)
        counts = [one.count for one in reported if isinstance(one, events.Acknowledged)]
        assert sum(counts) < UNSENT_BYTES_MAX


def test_what_a_reset_peer_has_not_acknowledged_is_not_told_as_acknowledged(world: World) -> None:
    peer = world.connect()
    world.perform(actions.Send(4, bytes(UNSENT_BYTES_MAX)))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    reported = world.settle(lambda events_: events.PeerClosed(4) in events_)
    counts = [one.count for one in reported if isinstance(one, events.Acknowledged)]
    assert sum(counts) < UNSENT_BYTES_MAX


def test_a_slow_module_slows_the_peer_and_not_the_kernel(world: World) -> None:
    with world.connect() as peer:
        world.room = 0
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BYTES)
        peer.setblocking(False)
        taken_bytes = 0
        with contextlib.suppress(BlockingIOError):
            while taken_bytes < 1 << 20:
                taken_bytes += peer.send(bytes(1_024))
        assert taken_bytes < 64 << 10


@pytest.mark.parametrize(("abort", "ending"), [(False, b""), (True, None)])
def test_closing_is_orderly_or_a_reset(world: World, *, abort: bool, ending: bytes | None) -> None:
    with world.connect() as peer:
        world.perform(actions.Close(4, abort))
        if ending is None:
            with pytest.raises(ConnectionResetError):
                peer.recv(9)
        else:
            assert peer.recv(9) == ending
        world.perform(actions.Send(4, b"too late"))
        assert world.network.poll(world.now_ns) == []


def test_a_peer_that_resets_has_closed(world: World) -> None:
    peer = world.connect()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    assert world.settle(bool) == [events.PeerClosed(4)]


@pytest.mark.parametrize(
    ("connect", "reason"),
    [
        (actions.Connect(0, "other.lan", 80), events.Failure.NO_NAME),
        (actions.Connect(0, "server.lan", 81), events.Failure.REFUSED),
        (actions.Connect(0, "other.lan", 80, actions.Kind.UDP), events.Failure.NO_NAME),
    ],
)
def test_nothing_but_the_routes_is_reached(
    world: World, connect: actions.Connect, reason: events.Failure
) -> None:
    assert world.answer(connect) == events.ConnectFailed(0, reason)


def test_a_route_to_nobody_is_refused(world: World) -> None:
    world.listener.close()
    assert world.answer(actions.Connect(0, *NAME)) == events.ConnectFailed(0, events.Failure.REFUSED)


def test_routed_names_resolve_and_answer_echo_requests(world: World) -> None:
    assert world.answer(actions.Resolve("server.lan")) == events.Resolved("server.lan", Directory.ADDRESS)
    assert world.answer(actions.Resolve("other.lan")) == events.Resolved("other.lan", None)
    assert world.answer(actions.Ping("other.lan")) == events.Pong("other.lan", None)


def test_an_open_network_asks_the_system_for_names(open_world: World, mocker: MockerFixture) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
    mocker.patch("socket.getaddrinfo", return_value=found)
    assert open_world.answer(actions.Resolve("a.lan")) == events.Resolved("a.lan", "127.0.0.1")
    connected = open_world.answer(actions.Connect(1, "a.lan", open_world.address[1]))
    assert isinstance(connected, events.Connected)
    assert (connected.address, connected.remote_port) == open_world.address


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_is_not_found(
    open_world: World, mocker: MockerFixture, error: Exception
) -> None:
    mocker.patch("socket.getaddrinfo", side_effect=error)
    failed = open_world.answer(actions.Connect(1, "x" * 70, 80))
    assert failed == events.ConnectFailed(1, events.Failure.NO_NAME)
    assert open_world.answer(actions.Ping("x" * 70)) == events.Pong("x" * 70, None)


def test_no_more_is_asked_than_the_system_can_bear(open_world: World, mocker: MockerFixture) -> None:
    gate = threading.Event()
    mocker.patch.object(lookup, "resolve", side_effect=lambda _host: gate.wait(WAIT_S) and "127.0.0.1")
    for number in range(lookup.ASKING_MAX):
        open_world.perform(actions.Resolve(f"host-{number}.lan"))
    assert open_world.answer(actions.Resolve("one-more.lan")) == events.Resolved("one-more.lan", None)
    gate.set()
    told = open_world.settle(lambda told: len(told) == lookup.ASKING_MAX)
    assert {one.address for one in told if isinstance(one, events.Resolved)} == {"127.0.0.1"}
    assert open_world.answer(actions.Resolve("later.lan")) == events.Resolved("later.lan", "127.0.0.1")


def test_an_attempt_that_was_given_up_during_the_look_up_opens_nothing(
    open_world: World, mocker: MockerFixture
) -> None:
    mocker.patch.object(lookup, "resolve", return_value="127.0.0.1")
    open_world.perform(actions.Connect(1, "slow.lan", open_world.address[1]))
    open_world.perform(actions.Close(1))
    assert open_world.answer(actions.Resolve("slow.lan")) == events.Resolved("slow.lan", "127.0.0.1")
    assert open_world.network.writers() == []


def test_an_echo_request_is_answered_or_not(open_world: World, mocker: MockerFixture) -> None:
    made = mocker.patch("unosim.network.lookup.socket.socket")
    pong = open_world.answer(actions.Ping("127.0.0.1"))
    assert isinstance(pong, events.Pong)
    assert pong.ms is not None
    request = made.return_value.__enter__.return_value.sendto.call_args.args[0]
    assert request[:2] == b"\x08\x00"  # echo request (RFC 792)
    made.side_effect = PermissionError
    assert open_world.answer(actions.Ping("127.0.0.1")) == events.Pong("127.0.0.1", None)


def test_the_time_of_day_is_that_of_this_machine(world: World) -> None:
    told = world.answer(actions.SyncTime(("pool.ntp.org",)))
    assert isinstance(told, events.TimeTold)
    assert abs(told.unix_s - time.time()) < 60
