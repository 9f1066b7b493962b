"""The gateway of one process with everything behind it: keys, journal, and the ways out of it.

Rules: what fails to start takes what has started down with it. On closing, the door is shut first: what was
answered 204 is in the journal, whatever becomes of the outlets.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from unobridge import forwarder, publisher
from unobridge.errors import BridgeError, UsageError
from unobridge.forwarder import Forwarder, HttpServer
from unobridge.gateway import Gateway, GatewayServer
from unobridge.journal import Backlog, Journal, JournalUnavailableError
from unobridge.keys import Keys
from unobridge.metrics import Figures
from unobridge.publisher import Broker, Publisher
from unobridge.targets import Address

STOP_WAIT_S = 5.0
"""A request that is under way may keep its thread longer; the process does not wait for it."""


@dataclass(frozen=True)
class Plan:
    """What a gateway is to do."""

    journal: Path
    keys: Path
    listen: Address
    """Where devices find it; port 0 for any."""
    forward: str = ""
    """The server's URL; empty for none."""
    ca: Path | None = None
    broker: Broker | None = None
    journal_bytes_max: int = 256 << 20


class Outlets:
    """A gateway at work.

    Args:
        plan: what it is to do.
        tell: is told, in one line, what somebody should see.

    Raises:
        UsageError: there is no way out.
        BridgeError: something cannot be opened.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        names = [*([forwarder.OUTLET] if plan.forward else []), *([publisher.OUTLET] if plan.broker else [])]
        if not names:
            raise UsageError("a gateway without a way out", hint="give --forward URL, --mqtt URL, or both")
        self._forwarder: Forwarder | None = None
        self._publisher: Publisher | None = None
        with ExitStack() as stack:
            keys = Keys(plan.keys)
            self.journal = Journal(plan.journal, bytes_max=plan.journal_bytes_max, tell=tell)
            stack.callback(self.journal.close)
            if plan.forward:
                self._start_forwarder(plan, keys, tell, stack)
            if plan.broker:
                self._publisher = Publisher(plan.broker, self.journal, keys, tell)
                stack.callback(self._publisher.close)
            self.gateway = Gateway(keys, self.journal, tuple(names), tell, self._wake)
            server = GatewayServer(self.gateway, plan.listen)
            stack.callback(server.close)
            self.address = server.address
            if not keys.devices():
                tell(f"no device is known yet: {plan.keys} holds no key (see `unobridge provision`)")
            self._tell_backlog(names, tell)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Stop, the door first."""
        self._stack.close()

    def backlog(self) -> dict[str, Backlog]:
        """Return what waits, by outlet; nothing if the journal cannot be read now."""
        try:
            return self.journal.backlog()
        except JournalUnavailableError:
            return {}

    def figures(self) -> Figures:
        """Return the figures of the moment, for Prometheus."""
        backlog = self.backlog()
        delivered: dict[str, float] = {}
        if self._forwarder:
            delivered[forwarder.OUTLET] = self._forwarder.delivered
        if self._publisher:
            delivered[publisher.OUTLET] = self._publisher.delivered
        gateway = self.gateway
        return {
            "unobridge_requests_accepted": ("counter", "Requests answered 204.", {"": gateway.accepted}),
            "unobridge_requests_refused": ("counter", "Requests answered otherwise.", {"": gateway.refused}),
            "unobridge_delivered": ("counter", "Requests that an outlet has delivered.", delivered),
            "unobridge_backlog_requests": (
                "gauge",
                "Requests that wait for an outlet.",
                {name: float(backlog[name].requests) if name in backlog else 0.0 for name in delivered},
            ),
            "unobridge_backlog_oldest_seconds": (
                "gauge",
                "Since the oldest of them was received.",
                {name: backlog[name].oldest_s if name in backlog else 0.0 for name in delivered},
            ),
        }

    def _start_forwarder(self, plan: Plan, keys: Keys, tell: Callable[[str], None], stack: ExitStack) -> None:
        if plan.ca and not plan.ca.is_file():
            raise BridgeError(f"cannot read {plan.ca}", hint="name a PEM file of certificates: --ca")
        server = HttpServer(plan.forward, str(plan.ca) if plan.ca else None)
        stack.callback(server.close)
        self._forwarder = Forwarder(self.journal, keys, server, tell)
        stopped = threading.Event()
        thread = threading.Thread(
            target=self._forwarder.run, args=[stopped, time.monotonic], name="forward", daemon=True
        )
        thread.start()

        def stop() -> None:
            stopped.set()
            self.journal.news.set()
            thread.join(STOP_WAIT_S)

        stack.callback(stop)

    def _wake(self) -> None:
        if self._publisher:
            self._publisher.wake()

    def _tell_backlog(self, names: list[str], tell: Callable[[str], None]) -> None:
        for outlet, waiting in self.backlog().items():
            if outlet not in names:
                tell(f"{waiting.requests} requests are kept for {outlet}, which is not configured now")
            elif waiting.requests:
                tell(f"{waiting.requests} requests of {waiting.oldest_s:.0f} s wait for {outlet}")
