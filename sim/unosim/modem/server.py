"""The TCP server of `AT+CIPSERVER`: who may come in, and on which link.

Rules: an incoming connection gets the lowest free link, if the server is allowed one more; otherwise it is
reset. What happens on the link is the link table's business.
"""

from unosim.modem import actions, events
from unosim.modem.context import Context
from unosim.modem.link import Phase
from unosim.modem.links import LinkTable


class Server:
    """Listens on one port at a time.

    Args:
        context: the shared parts of the engine.
        links: takes the connections.
    """

    def __init__(self, context: Context, links: LinkTable) -> None:
        self.port: int | None = None
        """The port it listens on, or None if it does not run."""
        self._context = context
        self._links = links

    def start(self, port: int) -> None:
        """Listen on a port (1-65535)."""
        self.port = port
        self._context.kernel.act(actions.Listen(port))

    def stop(self, *, close_links: bool = True) -> None:
        """Stop listening, and end the links that came in unless they are to stay."""
        self.reset()
        for link in self._links.open():
            if link.inbound and close_links:
                self._links.close(link)

    def reset(self) -> None:
        """Stop listening without a word to the host."""
        if self.port is not None:
            self.port = None
            self._context.kernel.act(actions.StopListening())

    def hear(self, incoming: events.Incoming) -> None:
        """Take somebody in, or send them away."""
        inbound = sum(link.inbound for link in self._links.open())
        free = next((link for link in self._links.links if link.phase is Phase.FREE), None)
        if self.port is None or free is None or inbound >= self._context.session.server_links_max:
            self._context.kernel.act(actions.Refuse(incoming.connection))
        else:
            self._links.admit(free, incoming)
