"""A network in which things go wrong: a wrapper around any network, behind the same seam.

Rules: connections and requests are counted from 0 over all links. The answer to a request is what arrives on
its link up to the next request on it. A connection that fails here is never opened in the network behind.
"""

from unosim.clock import NS_PER_MS, NS_PER_S, earliest
from unosim.faults.catalogue import (
    AbsentServer,
    ConnectionFault,
    DnsFailure,
    HalfAnswer,
    LostAck,
    LostAnswer,
    LostRequest,
    NetworkFault,
    Refusal,
    RequestFault,
    Reset,
    SlowServer,
)
from unosim.faults.plan import Plan
from unosim.faults.wire import Strike
from unosim.modem import actions, events
from unosim.network import Network
from unosim.network.schedule import Schedule

FAILURE_NS = 30 * NS_PER_MS
"""How long a name server or a peer takes to say no, an estimate for a home network."""

_NO: dict[type[NetworkFault], events.Failure] = {
    DnsFailure: events.Failure.NO_NAME,
    Refusal: events.Failure.REFUSED,
}


class FaultyNetwork:
    """A network that suffers from a plan.

    Args:
        network: what works.
        plan: what is to go wrong.
        strike: told of each stroke.
    """

    def __init__(self, network: Network, plan: Plan, strike: Strike) -> None:
        self._network = network
        self._strike = strike
        self._connection_faults = [one for one in plan.faults if isinstance(one, ConnectionFault)]
        self._request_faults = [one for one in plan.faults if isinstance(one, RequestFault)]
        self._connections = 0
        self._requests = 0
        self._answers: dict[int, RequestFault] = {}
        self._dead: set[int] = set()
        self._unacknowledged: set[int] = set()
        self._held: Schedule[events.NetworkEvent] = Schedule()

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for, unless a fault forbids it."""
        match action:
            case actions.Connect():
                self._connect(action, now_ns)
            case actions.Send():
                self._send(action, now_ns)
            case actions.Close(link):
                self._forget(link)
                self._network.perform(action, now_ns)
            case _:
                self._network.perform(action, now_ns)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event, or None if nothing is under way."""
        return earliest(self._network.next_deadline(), self._held.next_deadline())

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order."""
        reported: list[events.NetworkEvent] = []
        while due := self._held.pop_due(now_ns):
            reported.append(due[1])
        for event in self._network.poll(now_ns):
            reported += self._spoil(event, now_ns)
        return reported

    def _connect(self, action: actions.Connect, now_ns: int) -> None:
        number, self._connections = self._connections, self._connections + 1
        self._forget(action.link)
        fault = next((one for one in self._connection_faults if one.strikes(number)), None)
        if fault is None:
            self._network.perform(action, now_ns)
            return
        self._strike(now_ns, fault)
        if not isinstance(fault, AbsentServer):
            self._held.add(now_ns + FAILURE_NS, events.ConnectFailed(action.link, _NO[type(fault)]))

    def _send(self, action: actions.Send, now_ns: int) -> None:
        number, self._requests = self._requests, self._requests + 1
        self._answers.pop(action.link, None)
        fault = next((one for one in self._request_faults if one.strikes(number)), None)
        if isinstance(fault, LostRequest):
            self._strike(now_ns, fault)
            self._dead.add(action.link)
        elif isinstance(fault, LostAck):
            self._strike(now_ns, fault)
            self._unacknowledged.add(action.link)
        elif fault:
            self._answers[action.link] = fault
        if action.link not in self._dead:
            self._network.perform(action, now_ns)

    def _spoil(self, event: events.NetworkEvent, now_ns: int) -> list[events.NetworkEvent]:
        """Return what becomes of an event."""
        if isinstance(event, events.Acknowledged):
            return [] if event.link in self._unacknowledged else [event]
        if not isinstance(event, events.Received | events.PeerClosed):
            return [event]
        fault = self._answers.get(event.link)
        match fault:
            case LostAnswer():
                self._strike(now_ns, fault)
                return []
            case SlowServer(seconds=seconds):
                self._strike(now_ns, fault)
                self._held.add(now_ns + round(seconds * NS_PER_S), event)
                return []
            case Reset() | HalfAnswer() if isinstance(event, events.Received):
                self._strike(now_ns, fault)
                self._forget(event.link)
                self._network.perform(actions.Close(event.link, abort=True), now_ns)
                half = event.data[: (len(event.data) + 1) // 2]
                heard = [events.Received(event.link, half)] if isinstance(fault, HalfAnswer) else []
                return [*heard, events.PeerClosed(event.link)]
        return [event]

    def _forget(self, link: int) -> None:
        """Drop what is planned for a link: it is gone, or begins anew."""
        self._answers.pop(link, None)
        self._dead.discard(link)
        self._unacknowledged.discard(link)
        self._held.drop(lambda event: getattr(event, "link", None) == link)
