"""The servers of a test: WSGI applications, and peers that follow a script."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from unosim.network import Peer, Reply, VirtualNetwork, WsgiPeer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Turn = tuple[bytes | re.Pattern[bytes], bytes | Reply]
"""What a scripted peer waits for, literally or as a pattern, and what it answers."""


class UnexpectedRequestError(AssertionError):
    """A scripted peer heard what its script does not know."""


class ScriptedPeer:
    """One connection to a server that follows a script.

    Args:
        script: the turns, in order. A pattern is taken as soon as it matches at the start of what was heard.
    """

    def __init__(self, script: Iterable[Turn]) -> None:
        self._turns = deque(script)
        self._heard = b""

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        """Take bytes; return the answers of the turns they complete.

        Raises:
            UnexpectedRequestError: they do not fit the script.
        """
        self._heard += data
        replies = []
        while self._turns and (end := self._end_of_turn(now_ns)) is not None:
            self._heard = self._heard[end:]
            answer = self._turns.popleft()[1]
            replies.append(answer if isinstance(answer, Reply) else Reply(answer))
        if self._heard and not self._turns:
            raise UnexpectedRequestError(
                f"the script is over, and the peer hears {self._heard!r} {_at(now_ns)}"
            )
        return replies

    def _end_of_turn(self, now_ns: int) -> int | None:
        """Return how much of what was heard the next turn takes, or None if it waits for more."""
        expected = self._turns[0][0]
        if isinstance(expected, re.Pattern):
            match = expected.match(self._heard)
            return match.end() if match else None
        if self._heard.startswith(expected):
            return len(expected)
        if not expected.startswith(self._heard):
            raise UnexpectedRequestError(
                f"the peer waits for {expected!r} and hears {self._heard!r} {_at(now_ns)}"
            )
        return None


class Call:
    """Somebody who connects to the module's own server, says something, and listens.

    Args:
        says: what it says once it is let in.

    Attributes:
        heard: what the module has said to it so far.
        connected: whether it has been let in.
        ended: whether the module has refused it, or ended the connection.
    """

    def __init__(self, says: bytes) -> None:
        self.heard = b""
        self.connected = self.ended = False
        self._says = says

    def let_in(self, now_ns: int) -> Iterable[Reply]:
        """Say what is to be said."""
        del now_ns
        self.connected = True
        return [Reply(self._says)]

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        """Listen."""
        del now_ns
        self.heard += data
        return []

    def sent_away(self, now_ns: int) -> None:
        """Take note of the end."""
        del now_ns
        self.ended = True


class LabNetwork:
    """Names and ports, and what answers there. Whatever else is asked for does not exist.

    Servers may be added while a test runs. An SSL link leads to them, too, and takes its time.
    """

    def __init__(self) -> None:
        self._servers: dict[tuple[str, int], Callable[[], Peer]] = {}
        self._untrusted: set[tuple[str, int]] = set()
        self._opened: list[VirtualNetwork] = []

    def wsgi(self, host: str, port: int, application: "WSGIApplication") -> None:
        """Serve a WSGI application (Flask, Django, a function) over HTTP/1.1 at a name and a port."""
        self.peer(host, port, lambda: WsgiPeer(application))

    def script(self, host: str, port: int, turns: Sequence[Turn]) -> None:
        """Serve a script at a name and a port; every connection begins it anew."""
        self.peer(host, port, lambda: ScriptedPeer(turns))

    def peer(self, host: str, port: int, connect: Callable[[], Peer]) -> None:
        """Serve what `connect` returns for each connection to a name and a port."""
        self._servers[host, port] = connect

    def distrust(self, host: str, port: int) -> None:
        """Let the certificate at a name and a port be one that no module can verify."""
        self._untrusted.add((host, port))

    def call(self, port: int, says: bytes = b"") -> Call:
        """Let somebody connect to a port of the module now; see `AT+CIPSERVER`."""
        call = Call(says)
        for network in self._opened:
            network.call(port, call)
        return call

    def open(self) -> VirtualNetwork:
        """Return the network as one modem uses it."""
        self._opened.append(VirtualNetwork(self._servers, untrusted=self._untrusted))
        return self._opened[-1]


def _at(now_ns: int) -> str:
    return f"at {now_ns / 1e9:.6f} s"
