"""A run that is kept in memory, to be written as an `.attrace` file if somebody wants it in the end.

For tests: most of them pass, and nobody wants to see those.
"""

from pathlib import Path

from unosim.attrace.recorder import RecordedNetwork, Recorder
from unosim.esp01 import Module
from unosim.faults import Plan
from unosim.modem import Modem, actions, events
from unosim.network.seam import Network
from unosim.trace import Channel, Entry

_Exchange = tuple[Channel, int, actions.NetworkAction | events.NetworkEvent]


class Session:
    """Remembers one run of a modem from its power-on.

    Args:
        modem: the modem, not powered yet.
        module: what the modem was made from.
        plan: what goes wrong at it.
    """

    def __init__(self, modem: Modem, module: Module, plan: Plan) -> None:
        self._flash = modem.settings
        self._module = module
        self._plan = plan
        self._happened: list[Entry | _Exchange] = []

    def watch(self, entry: Entry) -> None:
        """Take what was said on the UART."""
        self._happened.append(entry)

    def network(self, network: Network) -> Network:
        """Return a network that passes everything on to another one and remembers it."""
        return RecordedNetwork(network, lambda *exchange: self._happened.append(exchange))

    def save(self, path: Path) -> None:
        """Write what has happened so far.

        Raises:
            TraceError: the file cannot be written.
        """
        with Recorder(path, self._module.make(self._flash), self._module, self._plan) as recorder:
            for one in self._happened:
                if isinstance(one, Entry):
                    recorder.watch(one)
                else:
                    recorder.record(*one)
