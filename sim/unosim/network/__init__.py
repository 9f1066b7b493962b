"""The world behind the modem's antenna: one seam, three networks.

The modem engine asks for connections and sends as *actions* (`unosim.modem.actions`); a network carries
them out and reports back as *events* (`unosim.modem.events`), each at an instant of simulated time that it
announces beforehand.

- `VirtualNetwork`: peers in the same process, WSGI applications among them. Nothing outside the process
  takes part, so the same inputs give the same bytes at the same instants.
- `LoopbackNetwork`: real sockets to servers on this machine, while the simulated clock stands still.
- `SocketNetwork` (in `unosim.network.sockets`): real sockets in real time, for the fronts.
"""

from unosim.network.loopback import LoopbackNetwork
from unosim.network.seam import Latency, Network
from unosim.network.virtual import Peer, Reply, VirtualNetwork
from unosim.network.wsgi import WsgiPeer

__all__ = ["Latency", "LoopbackNetwork", "Network", "Peer", "Reply", "VirtualNetwork", "WsgiPeer"]
