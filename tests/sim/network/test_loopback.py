import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pytest_mock import MockerFixture

from sim.certificates import Authority
from sim.network.conftest import Serve as TlsServer
from unosim.modem import actions, events
from unosim.network import Latency, LoopbackNetwork, loopback, system
from unosim.network.seam import Directory
from unosim.network.tls import Tls
from unosim.network.virtual import EPOCH_S

LATENCY = Latency(name_ns=1_000, round_trip_ns=200, answer_ns=50)
NAME = ("server.lan", 80)
LOOK_NS = 2_000 + 200 + 50

Serve = Callable[[socket.socket], None]


@contextmanager
def network_to(serve: Serve) -> Iterator[LoopbackNetwork]:
    """A network whose one server treats its one connection as told, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        network = LoopbackNetwork({NAME: listener.getsockname()}, latency=LATENCY)
        try:
            network.perform(actions.Connect(4, *NAME), 0)
            assert network.poll(1_200) == [events.Connected(4, Directory.ADDRESS, 80, 50_000)]
            yield network
        finally:
            network.close()
            thread.join(5)
            assert not thread.is_alive()


def look(network: LoopbackNetwork) -> list[events.NetworkEvent]:
    """Let the clock run to the look for the answer to a send at 2,000 ns; return what came after the ACK."""
    assert network.poll(2_200) == [events.Acknowledged(4, 4)]
    assert network.next_deadline() == LOOK_NS
    return network.poll(LOOK_NS)


def test_an_answer_in_pieces_arrives_at_one_simulated_instant() -> None:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(99) == b"ping"
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"po", b"ng"):
            connection.sendall(piece)
        connection.recv(99)

    with network_to(serve) as network:
        network.perform(actions.Send(4, b"ping"), 2_000)
        assert look(network) == [events.Received(4, b"pong")]
        assert network.next_deadline() is None


def test_nothing_is_accepted_before_the_device_has_said_something() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"unasked ")
        connection.recv(99)
        connection.sendall(b"pong")
        connection.recv(99)

    with network_to(serve) as network:
        assert network.next_deadline() is None
        network.perform(actions.Send(4, b"ping"), 2_000)
        assert look(network) == [events.Received(4, b"unasked pong")]


def test_a_server_that_closes_says_its_last_words_first() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(99)
        connection.sendall(b"bye")

    with network_to(serve) as network:
        network.perform(actions.Send(4, b"ping"), 2_000)
        assert look(network) == [events.Received(4, b"bye"), events.PeerClosed(4)]


def test_nothing_is_reported_of_a_connection_that_the_device_closed() -> None:
    def serve(connection: socket.socket) -> None:
        while connection.recv(99):
            pass

    with network_to(serve) as network:
        network.perform(actions.Send(4, b"ping"), 2_000)
        network.perform(actions.Close(4), 2_001)
        assert network.next_deadline() is None


def test_a_silent_server_is_looked_at_again_a_bounded_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loopback, "ANSWER_WAIT_S", 0.001)

    def serve(connection: socket.socket) -> None:
        while connection.recv(99):
            pass

    with network_to(serve) as network:
        network.perform(actions.Send(4, b"ping"), 2_000)
        assert look(network) == []
        looks = 1
        while (deadline_ns := network.next_deadline()) is not None:
            assert deadline_ns == LOOK_NS + looks * 1_000_000_000
            assert network.poll(deadline_ns) == []
            looks += 1
        assert looks == loopback.LOOKS_PER_SEND


def test_sending_into_a_reset_connection_reports_the_close() -> None:
    connected, reset = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        connected.wait(5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        reset.set()

    with network_to(serve) as network:
        connected.set()
        assert reset.wait(5)
        network.perform(actions.Send(4, b"ping"), 2_000)
        happened = network.poll(2_200) + network.poll(LOOK_NS)
        assert happened[-1] == events.PeerClosed(4)


@pytest.mark.parametrize(
    ("host", "port", "failure"),
    [("server.lan", 81, events.Failure.REFUSED), ("nowhere.lan", 80, events.Failure.NO_NAME)],
)
def test_only_routes_lead_anywhere(host: str, port: int, failure: events.Failure) -> None:
    network = LoopbackNetwork({NAME: ("127.0.0.1", 1)}, latency=LATENCY)
    network.perform(actions.Connect(0, host, port), 0)
    assert network.poll(10_000) == [events.ConnectFailed(0, failure)]


def test_a_host_that_never_answers_is_left_to_the_modems_patience(mocker: MockerFixture) -> None:
    mocker.patch.object(system, "is_ready", return_value=False)  # on loopback everybody answers
    mocker.patch.object(loopback, "CONNECT_WAIT_S", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = LoopbackNetwork({NAME: listener.getsockname()}, latency=LATENCY)
        network.perform(actions.Connect(0, *NAME), 0)
        assert network.next_deadline() is None


def test_a_server_that_does_not_listen_refuses() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        network = LoopbackNetwork({NAME: unused.getsockname()}, latency=LATENCY)
        network.perform(actions.Connect(0, *NAME), 0)
        assert network.poll(10_000) == [events.ConnectFailed(0, events.Failure.REFUSED)]


def test_a_route_to_a_name_that_nobody_knows(mocker: MockerFixture) -> None:
    mocker.patch.object(loopback, "resolve", return_value=None)
    network = LoopbackNetwork({NAME: ("nowhere.invalid", 1)}, latency=LATENCY)
    network.perform(actions.Connect(0, *NAME), 0)
    assert network.poll(10_000) == [events.ConnectFailed(0, events.Failure.NO_NAME)]


HANDSHAKE_NS = 1_200 + LATENCY.handshake_ns


@pytest.mark.parametrize("trusted", [True, False])
def test_an_ssl_link_is_terminated_and_verified(
    tls_server: TlsServer, authority: Authority, *, trusted: bool
) -> None:
    tls = Tls(ca=authority.ca if trusted else authority.issue("other.lan"))
    network = LoopbackNetwork({NAME: tls_server("server.lan")}, latency=LATENCY, tls=tls)
    network.perform(actions.Connect(4, *NAME, actions.Kind.SSL, verify_server=True), 0)
    assert network.next_deadline() == HANDSHAKE_NS
    (outcome,) = network.poll(HANDSHAKE_NS)
    if trusted:
        assert outcome == events.Connected(4, Directory.ADDRESS, 80, 50_000)
        network.perform(actions.Send(4, b"ping"), HANDSHAKE_NS)
        assert network.poll(HANDSHAKE_NS + 200) == [events.Acknowledged(4, 4)]
        assert network.poll(HANDSHAKE_NS + 250) == [events.Received(4, b"PING")]
    else:
        assert outcome == events.ConnectFailed(4, events.Failure.HANDSHAKE)
    network.close()


def test_datagrams_arrive_together_at_the_look_for_them() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)

        def serve() -> None:
            data, sender = peer.recvfrom(99)
            for part in (data, data.upper()):
                peer.sendto(part, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        network = LoopbackNetwork({NAME: peer.getsockname()}, latency=LATENCY)
        network.perform(actions.Connect(1, *NAME, actions.Kind.UDP, 123), 0)
        here = (Directory.ADDRESS, 80)
        assert network.poll(1_000) == [events.Connected(1, *here, 123)]
        network.perform(actions.Send(1, b"ping", here), 2_000)
        assert network.next_deadline() == LOOK_NS
        assert network.poll(LOOK_NS) == [events.Received(1, b"ping", here), events.Received(1, b"PING", here)]
        assert network.next_deadline() is None
        network.close()
        thread.join(5)


def test_a_caller_is_waited_for_and_heard_at_modelled_instants() -> None:
    network = LoopbackNetwork({}, latency=LATENCY, inbound={80: ("127.0.0.1", 0)})
    heard: list[bytes] = []

    def call() -> None:
        with socket.create_connection(network.inbound[80], 5) as caller:
            caller.sendall(b"hello?")
            heard.append(caller.recv(99))

    network.perform(actions.Listen(80), 0)
    thread = threading.Thread(target=call)
    thread.start()
    assert network.next_deadline() == 200
    assert network.poll(200) == [events.Incoming(1, "192.168.1.3", 50_000, 80)]
    network.perform(actions.Accept(1, 2), 300)
    assert network.next_deadline() == 350
    assert network.poll(350) == [events.Received(2, b"hello?")]
    network.perform(actions.Send(2, b"hi"), 400)
    thread.join(5)
    assert heard == [b"hi"]
    network.perform(actions.Close(2), 500)
    assert network.next_deadline() == 700  # the next caller
    network.perform(actions.StopListening(), 600)
    assert network.next_deadline() is None
    network.close()


def test_the_time_of_day_is_the_same_in_every_run() -> None:
    network = LoopbackNetwork({}, latency=LATENCY)
    network.perform(actions.SyncTime(("pool.ntp.org",)), 5_000_000_000)
    assert network.poll(5_000_001_200) == [events.TimeTold(EPOCH_S + 5)]


def test_a_speaker_without_an_end_is_interrupted_until_the_next_look() -> None:
    def serve(peer: socket.socket) -> None:
        peer.recv(99)
        with contextlib.suppress(OSError):
            while True:
                peer.sendall(bytes(1 << 16))

    with network_to(serve) as network:
        network.perform(actions.Send(4, b"ping"), 2_000)
        (received,) = look(network)
        assert isinstance(received, events.Received)
        assert len(received.data) <= loopback.PIECES_PER_LOOK << 16
        assert network.next_deadline() == LOOK_NS + LATENCY.answer_ns
