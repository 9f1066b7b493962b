"""A DHT22 on pin 7 while the modem talks: what the server gets is what the sensor says."""

import pytest

from system.node_bench import make_bench
from unosim.board import Image
from unosim.parts import Dht

pytestmark = pytest.mark.system
PIN = 7


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("sensor", "temp_c", "humidity_pc"),
    [
        ({"temperature_deci_c": 351, "humidity_deci_percent": 652}, 35.1, 65.2),
        ({"temperature_deci_c": -101, "humidity_deci_percent": 658}, -10.1, 65.8),
        ({"wrong_checksum": 1.0}, None, None),
        ({"silent": 1.0}, None, None),
    ],
)
def test_it_is_read_while_the_modem_talks(
    images: dict[str, Image],
    soft: bool,
    sensor: dict[str, float],
    temp_c: float | None,
    humidity_pc: float | None,
) -> None:
    bench = make_bench(
        images["uno_softserial" if soft else "uno"],
        soft=soft,
        baud=9_600 if soft else 115_200,
        parts=[Dht(PIN, **sensor)],  # type: ignore[arg-type]  # numbers of either kind
        interval_ms="2000",
        channels="a0,temp_c,humidity_pc",
    )
    assert bench.run_until_acked(8, limit_s=60)
    assert len(bench.server.stored) >= 8
    for (_, _, seq), values in bench.server.stored.items():
        if seq == 0:  # in the first second after power-on the sensor is silent
            assert (values["temp_c"], values["humidity_pc"]) == (None, None)
            continue
        assert (values["temp_c"], values["humidity_pc"]) == (temp_c, humidity_pc)
        assert isinstance(values["a0"], int)
