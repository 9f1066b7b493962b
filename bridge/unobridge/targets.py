"""What the board may reach, and where that really is: a network in front of the real one.

- a name and port may lead elsewhere, for a network without names;
- the gateway's name leads to the gateway of this process;
- a plain-HTTP target that was named for it is reached over TLS, with the server's certificate verified;
- with an allow-list, whatever is not on it is refused, as by a host that listens on no such port.

Rules: names are compared without regard to case. The board sees the names, addresses and ports it asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from unobridge.errors import UsageError
from unosim.modem import actions, events
from unosim.network.schedule import Schedule
from unosim.network.seam import Network

Address = tuple[str, int]
ANY_PORT = 0


@dataclass(frozen=True)
class Targets:
    """The rules.

    Args:
        allowed: hosts and ports (0 for any) that may be reached; None for all.
        routed: what really is elsewhere, and where.
        upgraded: what is reached over TLS, and where.
        gateway: the gateway's name and port, as the board asks for them; None for no gateway.
    """

    allowed: frozenset[Address] | None = None
    routed: Mapping[Address, Address] = field(default_factory=dict)
    upgraded: Mapping[Address, Address] = field(default_factory=dict)
    gateway: Address | None = None

    def allows(self, host: str, port: int | None = None) -> bool:
        """Return whether a host, or one port of it, may be reached."""
        if self.allowed is None:
            return True
        name = host.lower()
        if port is None:
            return any(allowed == name for allowed, _ in self.allowed)
        return not self.allowed.isdisjoint({(name, port), (name, ANY_PORT)})


class GuardedNetwork:
    """Passes on what the rules allow.

    Args:
        network: the real one.
        targets: the rules.
        gateway: where the gateway of this process listens, if there is one.
    """

    def __init__(self, network: Network, targets: Targets, gateway: Address | None = None) -> None:
        self._network = network
        self._targets = targets
        self._gateway = gateway
        self._refusals: Schedule[events.NetworkEvent] = Schedule()

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Start what the modem asks for, or refuse it."""
        match action:
            case actions.Connect(host=host, port=port):
                self._connect(action, (host.lower(), port), now_ns)
            case actions.Resolve(host=host) if self._is_ours(host):
                self._refusals.add(now_ns, events.Resolved(host, "127.0.0.1"))
            case actions.Resolve(host=host) if not self._targets.allows(host):
                self._refusals.add(now_ns, events.Resolved(host, None))
            case actions.Ping(host=host) if not self._targets.allows(host):
                self._refusals.add(now_ns, events.Pong(host, None))
            case actions.Send(to=(address, port)) if not self._targets.allows(address, port):
                pass  # a datagram that a firewall has dropped
            case _:
                self._network.perform(action, now_ns)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next event."""
        deadlines = (self._refusals.next_deadline(), self._network.next_deadline())
        return min((one for one in deadlines if one is not None), default=None)

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the events that are due, in order."""
        reported: list[events.NetworkEvent] = []
        while due := self._refusals.pop_due(now_ns):
            reported.append(due[1])
        return reported + self._network.poll(now_ns)

    def _is_ours(self, host: str) -> bool:
        """Return whether a name is one that need not exist outside."""
        names = {*self._targets.routed, *self._targets.upgraded, self._targets.gateway or ("", 0)}
        return host.lower() in {name for name, _ in names}

    def _connect(self, action: actions.Connect, asked: Address, now_ns: int) -> None:
        tcp = action.kind is actions.Kind.TCP
        if tcp and self._gateway and asked == self._targets.gateway:
            host, port = self._gateway
            self._network.perform(replace(action, host=host, port=port), now_ns)
        elif not self._targets.allows(*asked):
            self._refusals.add(now_ns, events.ConnectFailed(action.link, events.Failure.REFUSED))
        elif tcp and asked in self._targets.upgraded:
            host, port = self._targets.upgraded[asked]
            secure = replace(action, host=host, port=port, kind=actions.Kind.SSL, verify_server=True)
            self._network.perform(secure, now_ns)
        else:
            host, port = self._targets.routed.get(asked, (action.host, action.port))
            self._network.perform(replace(action, host=host, port=port), now_ns)


def parse_target(text: str, default_port: int | None = None) -> Address:
    """Return host (lower case) and port of `HOST:PORT`, or of `HOST` if there is a default port.

    Raises:
        UsageError: the text is neither.
    """
    host, separator, port = text.rpartition(":")
    if not separator and default_port is not None:
        host, port = text, str(default_port)
    if not host or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        raise UsageError(f"not a target: {text!r}", hint="write HOST:PORT, such as ingest.lan:8080")
    return host.lower(), int(port)


def parse_allowed(texts: Sequence[str]) -> frozenset[Address] | None:
    """Return the allow-list of texts `HOST` or `HOST:PORT`; None if there are none.

    Raises:
        UsageError: a text is neither.
    """
    return frozenset(parse_target(text, ANY_PORT) for text in texts) if texts else None


def parse_routes(texts: Sequence[str], default_port: int | None = None) -> dict[Address, Address]:
    """Return where targets really are, of texts `HOST:PORT=HOST:PORT`.

    Args:
        texts: what was given.
        default_port: where a text without its second half leads, on the same host; None if it needs both.

    Raises:
        UsageError: a text is no such thing.
    """
    routes = {}
    for text in texts:
        asked, separator, real = text.partition("=")
        if not separator and default_port is None:
            raise UsageError(
                f"not a route: {text!r}",
                hint="write HOST:PORT=HOST:PORT, such as ingest.lan:8080=10.0.0.5:80",
            )
        target = parse_target(asked)
        routes[target] = parse_target(real) if separator else (target[0], default_port or 0)
    return routes
