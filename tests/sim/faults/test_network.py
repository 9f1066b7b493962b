"""A network in which things go wrong, in front of a server that answers everything."""

from collections.abc import Iterable

import pytest

from unosim.faults import FaultyNetwork, Injection, Plan
from unosim.modem import actions, events
from unosim.network import Latency, Reply, VirtualNetwork

LATENCY = Latency(name_ns=1_000, round_trip_ns=200, answer_ns=50)
SERVER = ("server.lan", 80)
S = 1_000_000_000
Told = list[events.NetworkEvent]


class Echo:
    """Repeats what it hears in capitals, and closes after a farewell."""

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:  # noqa: ARG002  # this peer has no clock
        yield Reply(data.upper(), after_ns=30, close=data == b"bye")


def faulty(plan: str) -> tuple[FaultyNetwork, Injection]:
    injection = Injection(Plan.parse(plan))
    return injection.network(VirtualNetwork({SERVER: Echo}, latency=LATENCY)), injection


def everything(network: FaultyNetwork) -> list[tuple[int, events.NetworkEvent]]:
    """Run the network until nothing is under way; return (instant, event)."""
    happened = []
    while (deadline_ns := network.next_deadline()) is not None:
        happened += [(deadline_ns, event) for event in network.poll(deadline_ns)]
    return happened


def told(network: FaultyNetwork) -> Told:
    return [event for _, event in everything(network)]


def connect(network: FaultyNetwork, link: int = 0, now_ns: int = 0) -> Told:
    network.perform(actions.Connect(link, *SERVER), now_ns)
    return told(network)


def send(network: FaultyNetwork, data: bytes, link: int = 0, now_ns: int = 10_000) -> Told:
    network.perform(actions.Send(link, data), now_ns)
    return told(network)


ACK = events.Acknowledged(0, 4)
FULL = events.Received(0, b"PING")
HALF = events.Received(0, b"PI")
CLOSED = events.PeerClosed(0)


@pytest.mark.parametrize(
    ("plan", "outcome"),
    [
        ("dns-failure@1", [events.ConnectFailed(0, events.Failure.NO_NAME)]),
        ("refusal@1", [events.ConnectFailed(0, events.Failure.REFUSED)]),
        ("absent-server@1", []),
    ],
)
def test_the_second_connection_fails_and_only_that(plan: str, outcome: Told) -> None:
    network, injection = faulty(plan)
    assert isinstance(connect(network)[0], events.Connected)
    assert connect(network, now_ns=S) == outcome
    assert isinstance(connect(network, now_ns=2 * S)[0], events.Connected)
    assert [(one.at_ns, str(one.fault)) for one in injection.happened] == [(S, plan)]


@pytest.mark.parametrize(
    ("plan", "first", "second"),
    [
        ("lost-answer@0", [ACK], [ACK, FULL]),
        ("lost-request@0", [], []),  # what follows on that connection is lost, too
        ("reset@0", [ACK, CLOSED], []),
        ("half-answer@0", [ACK, HALF, CLOSED], []),
        ("reset@1", [ACK, FULL], [ACK, CLOSED]),
        ("lost-answer@0,times=2", [ACK], [ACK]),
        ("lost-ack@0", [FULL], [FULL]),  # nor is anything that follows on that connection
        ("lost-ack@1", [ACK, FULL], [FULL]),
    ],
)
def test_requests_and_answers(plan: str, first: Told, second: Told) -> None:
    network, injection = faulty(plan)
    connect(network)
    assert send(network, b"ping") == first
    assert send(network, b"ping", now_ns=20_000) == second
    assert {str(one.fault) for one in injection.happened} == {plan}
    network.perform(actions.Close(0), 30_000)
    assert isinstance(connect(network, now_ns=S)[0], events.Connected)
    assert send(network, b"ping", now_ns=2 * S) == [ACK, FULL]


def test_a_slow_server_answers_late_and_closes_after_that() -> None:
    network, _ = faulty("slow-server@0,seconds=2")
    connect(network)
    network.perform(actions.Send(0, b"bye"), 10_000)
    assert everything(network) == [
        (10_200, events.Acknowledged(0, 3)),
        (2 * S + 10_230, events.Received(0, b"BYE")),
        (2 * S + 10_230, CLOSED),
    ]


def test_a_slow_answer_does_not_reach_a_link_that_was_closed_meanwhile() -> None:
    network, _ = faulty("slow-server@0,seconds=2")
    connect(network)
    network.perform(actions.Send(0, b"ping"), 10_000)
    network.poll(S)
    network.perform(actions.Close(0), S)
    assert told(network) == []


def test_a_single_byte_has_a_first_half() -> None:
    network, _ = faulty("half-answer@0")
    connect(network)
    assert send(network, b"p") == [events.Acknowledged(0, 1), events.Received(0, b"P"), CLOSED]


def test_links_are_counted_together_and_struck_apart() -> None:
    network, _ = faulty("lost-answer@1")
    connect(network)
    connect(network, link=3)
    assert send(network, b"ping") == [ACK, FULL]
    assert send(network, b"ping", link=3) == [events.Acknowledged(3, 4)]
    assert send(network, b"ping", now_ns=20_000) == [ACK, FULL]


def test_lookups_pass() -> None:
    network, _ = faulty("dns-failure@0")
    network.perform(actions.Resolve("server.lan"), 0)
    assert [type(event) for event in told(network)] == [events.Resolved]
