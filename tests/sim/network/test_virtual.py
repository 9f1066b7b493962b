from collections.abc import Iterable

import pytest

from unosim.modem import actions, events
from unosim.network import Latency, Reply, VirtualNetwork
from unosim.network.seam import Directory

LATENCY = Latency(name_ns=1_000, round_trip_ns=200, answer_ns=50)
SERVER = ("server.lan", 80)


class Echo:
    """Repeats what it hears in capitals, and closes after a farewell."""

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        yield Reply(data.upper() + b"@%d" % now_ns, after_ns=30, close=data == b"bye")


@pytest.fixture
def network() -> VirtualNetwork:
    return VirtualNetwork({SERVER: Echo}, latency=LATENCY)


def everything(network: VirtualNetwork) -> list[tuple[int, events.NetworkEvent]]:
    """Run the network until nothing is under way; return (instant, event)."""
    happened = []
    while (deadline_ns := network.next_deadline()) is not None:
        happened += [(deadline_ns, event) for event in network.poll(deadline_ns)]
    return happened


def connected(network: VirtualNetwork) -> None:
    network.perform(actions.Connect(0, *SERVER), 0)
    assert everything(network) == [(1_200, events.Connected(0, Directory.ADDRESS, 80, 50_000))]


def test_a_peer_answers_after_a_round_trip_and_its_own_time(network: VirtualNetwork) -> None:
    connected(network)
    network.perform(actions.Send(0, b"hi"), 2_000)
    assert everything(network) == [
        (2_200, events.Acknowledged(0, 2)),
        (2_230, events.Received(0, b"HI@2100")),
    ]


def test_a_peer_that_closes_says_its_last_words_first(network: VirtualNetwork) -> None:
    connected(network)
    network.perform(actions.Send(0, b"bye"), 2_000)
    assert [event for _, event in everything(network)] == [
        events.Acknowledged(0, 3),
        events.Received(0, b"BYE@2100"),
        events.PeerClosed(0),
    ]


def test_what_is_sent_after_a_close_vanishes(network: VirtualNetwork) -> None:
    connected(network)
    network.perform(actions.Send(0, b"lost"), 2_000)
    network.perform(actions.Close(0, abort=False), 2_001)
    network.perform(actions.Send(0, b"lost too"), 2_002)
    assert everything(network) == []


@pytest.mark.parametrize(
    ("host", "port", "at_ns", "failure"),
    [
        ("nowhere.lan", 80, 1_200, events.Failure.NO_NAME),
        ("server.lan", 81, 1_200, events.Failure.REFUSED),
        (Directory.ADDRESS, 81, 1_200, events.Failure.REFUSED),
    ],
)
def test_connections_that_cannot_be(
    network: VirtualNetwork, host: str, port: int, at_ns: int, failure: events.Failure
) -> None:
    network.perform(actions.Connect(3, host, port), 0)
    assert everything(network) == [(at_ns, events.ConnectFailed(3, failure))]


def test_names_are_looked_up(network: VirtualNetwork) -> None:
    network.perform(actions.Resolve("server.lan"), 0)
    network.perform(actions.Resolve("nowhere.lan"), 1)
    assert everything(network) == [
        (1_000, events.Resolved("server.lan", Directory.ADDRESS)),
        (1_001, events.Resolved("nowhere.lan", None)),
    ]


def test_nothing_of_an_old_connection_reaches_a_new_one_of_the_same_link(network: VirtualNetwork) -> None:
    connected(network)
    network.perform(actions.Send(0, b"old"), 2_000)
    assert network.poll(2_100) == []  # the peer has heard it and answered; the answer is on its way
    network.perform(actions.Close(0), 2_150)
    network.perform(actions.Connect(0, *SERVER), 2_160)
    assert everything(network) == [(3_360, events.Connected(0, Directory.ADDRESS, 80, 50_001))]


def test_a_server_is_reached_by_its_address_too(network: VirtualNetwork) -> None:
    network.perform(actions.Connect(2, Directory.ADDRESS, 80), 0)
    assert everything(network) == [(1_200, events.Connected(2, Directory.ADDRESS, 80, 50_000))]


@pytest.mark.parametrize(("host", "ms"), [(Directory.ADDRESS, 3), ("10.9.9.9", None)])
def test_echo_requests_take_a_round_trip(host: str, ms: int | None) -> None:
    network = VirtualNetwork({SERVER: Echo}, latency=Latency(round_trip_ns=3_000_000))
    network.perform(actions.Ping(host), 0)
    assert everything(network) == [(3_000_000, events.Pong(host, ms))]


def test_events_come_in_the_order_of_their_instants(network: VirtualNetwork) -> None:
    network.perform(actions.Resolve("server.lan"), 500)
    network.perform(actions.Connect(1, *SERVER), 0)
    assert [at_ns for at_ns, _ in everything(network)] == [1_200, 1_500]


@pytest.mark.parametrize(
    ("verify", "untrusted", "failed"),
    [(False, [], False), (True, [], False), (False, [SERVER], False), (True, [SERVER], True)],
)
def test_an_ssl_link_takes_its_time_and_may_be_refused(
    *, verify: bool, untrusted: list[tuple[str, int]], failed: bool
) -> None:
    network = VirtualNetwork({SERVER: Echo}, latency=LATENCY, untrusted=untrusted)
    network.perform(actions.Connect(0, *SERVER, actions.Kind.SSL, verify_server=verify), 0)
    outcome = (
        events.ConnectFailed(0, events.Failure.HANDSHAKE)
        if failed
        else events.Connected(0, Directory.ADDRESS, 80, 50_000)
    )
    assert everything(network) == [(1_500_001_200, outcome)]
    network.perform(actions.Send(0, b"hi"), 2_000_000_000)
    assert len(everything(network)) == (0 if failed else 2)


def test_an_ssl_link_to_nobody_fails_at_once(network: VirtualNetwork) -> None:
    network.perform(actions.Connect(0, "server.lan", 81, actions.Kind.SSL), 0)
    assert everything(network) == [(1_200, events.ConnectFailed(0, events.Failure.REFUSED))]


def test_the_time_of_day_goes_with_the_clock() -> None:
    network = VirtualNetwork({}, latency=LATENCY, unix_s=100)
    network.perform(actions.SyncTime(("pool.ntp.org",)), 7_000_000_000)
    assert everything(network) == [(7_000_001_200, events.TimeTold(107))]


class Guest:
    """Somebody who calls the module, and remembers what became of it."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def let_in(self, now_ns: int) -> Iterable[Reply]:
        self.log.append(("connected", now_ns))
        yield Reply(b"hello?", after_ns=5)

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        self.log.append((data, now_ns))
        yield Reply(b"thanks", close=True)

    def sent_away(self, now_ns: int) -> None:
        self.log.append(("ended", now_ns))


def called(network: VirtualNetwork) -> Guest:
    """Let somebody call port 80 at 1,000 ns."""
    guest = Guest()
    assert network.poll(1_000) == []
    network.call(80, guest)
    return guest


def test_a_caller_is_let_in_speaks_first_and_ends(network: VirtualNetwork) -> None:
    network.perform(actions.Listen(80), 0)
    guest = called(network)
    assert everything(network) == [(1_100, events.Incoming(1, "192.168.1.3", 50_000, 80))]
    network.perform(actions.Accept(1, 4), 1_100)
    assert everything(network) == [(1_305, events.Received(4, b"hello?"))]
    network.perform(actions.Send(4, b"hi"), 2_000)
    assert [event for _, event in everything(network)] == [
        events.Acknowledged(4, 2),
        events.Received(4, b"thanks"),
        events.PeerClosed(4),
    ]
    network.perform(actions.Close(4), 3_000)
    assert guest.log == [("connected", 1_200), (b"hi", 2_100)]


@pytest.mark.parametrize(
    ("asked", "ended_ns"),
    [([], 1_200), ([actions.Listen(81)], 1_200), ([actions.Listen(80), actions.StopListening()], 1_200)],
)
def test_a_caller_is_sent_away_where_nobody_listens(
    network: VirtualNetwork, asked: list[actions.NetworkAction], ended_ns: int
) -> None:
    for action in asked:
        network.perform(action, 0)
    guest = called(network)
    assert everything(network) == []
    assert guest.log == [("ended", ended_ns)]


@pytest.mark.parametrize("accept", [True, False])
def test_a_caller_hears_that_the_module_ends_it_or_refuses(network: VirtualNetwork, *, accept: bool) -> None:
    network.perform(actions.Listen(80), 0)
    guest = called(network)
    everything(network)
    if accept:
        network.perform(actions.Accept(1, 0), 1_100)
        everything(network)
        network.perform(actions.Close(0), 2_000)
    else:
        network.perform(actions.Refuse(1), 2_000)
    assert everything(network) == []
    assert guest.log[-1] == ("ended", 2_100)


def datagrams(network: VirtualNetwork) -> None:
    """Open UDP link 3."""
    network.perform(actions.Connect(3, *SERVER, actions.Kind.UDP), 0)
    assert everything(network) == [(1_000, events.Connected(3, Directory.ADDRESS, 80, 50_000))]


def test_a_datagram_link_gets_the_port_it_wants(network: VirtualNetwork) -> None:
    network.perform(actions.Connect(3, *SERVER, actions.Kind.UDP, 123), 0)
    assert everything(network) == [(1_000, events.Connected(3, Directory.ADDRESS, 80, 123))]


def test_a_datagram_link_needs_a_name_that_is_known(network: VirtualNetwork) -> None:
    network.perform(actions.Connect(3, "nowhere.lan", 80, actions.Kind.UDP), 0)
    assert everything(network) == [(1_200, events.ConnectFailed(3, events.Failure.NO_NAME))]


def test_a_datagram_is_answered_by_a_datagram_and_not_acknowledged(network: VirtualNetwork) -> None:
    here = (Directory.ADDRESS, 80)
    datagrams(network)
    network.perform(actions.Send(3, b"hi", here), 2_000)
    assert everything(network) == [(2_230, events.Received(3, b"HI@2100", here))]


@pytest.mark.parametrize("to", [(Directory.ADDRESS, 81), ("10.0.0.1", 80)])
def test_a_datagram_to_nobody_is_lost(network: VirtualNetwork, to: tuple[str, int]) -> None:
    datagrams(network)
    network.perform(actions.Send(3, b"hi", to), 2_000)
    assert everything(network) == []


def test_a_datagram_on_a_closed_link_is_lost(network: VirtualNetwork) -> None:
    datagrams(network)
    network.perform(actions.Send(3, b"early", (Directory.ADDRESS, 80)), 2_000)
    network.perform(actions.Close(3), 2_001)
    network.perform(actions.Send(3, b"late", (Directory.ADDRESS, 80)), 2_002)
    assert everything(network) == []
