"""Figures for Prometheus: boards, gateway, journal, outlets.

Names follow Prometheus' conventions; times are in seconds. The server is prometheus-client's own, in a
thread.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from unobridge.errors import BridgeError
from unobridge.targets import Address

Figures = dict[str, tuple[str, str, dict[str, float]]]
"""By name: `gauge` or `counter`, help, and values by the value of the one label (empty for none)."""

LABELS = {"unobridge_board_connected": "port", "unobridge_board_reconnects": "port"}
OUTLET_LABEL = "outlet"


class _Collected(Collector):
    """Asks for the figures whenever somebody looks."""

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Yield the figures of this moment."""
        for name, (kind, text, values) in self._read().items():
            labels = [] if set(values) == {""} else [LABELS.get(name, OUTLET_LABEL)]
            make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
            family = make(name, text, labels=labels)
            for label, value in values.items():
                family.add_metric([label] if labels else [], value)
            yield family


class MetricsServer:
    """Serves figures at `/metrics`.

    Args:
        address: host and port to listen at; port 0 for any.
        read: returns the figures of the moment.

    Raises:
        BridgeError: the address cannot be listened at.
    """

    def __init__(self, address: Address, read: Callable[[], Figures]) -> None:
        collectors = CollectorRegistry(auto_describe=False)
        host, port = address
        try:
            self._server, self._thread = start_http_server(port, host, collectors)
        except (OSError, OverflowError) as error:
            raise BridgeError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
                hint="choose another address of this machine, or a port that is free: --metrics",
            ) from error
        collectors.register(_Collected(read))
        self.address: Address = (host, self._server.server_port)

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
