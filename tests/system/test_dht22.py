"""A DHT22 on pin 7, played by its data sheet, while the modem talks: what the server gets is what it says."""

import pytest

from system.node_bench import make_bench
from system.pins import PinBoard
from unosim.board import Image, PinChanged, Stop

pytestmark = pytest.mark.system
PIN = 7
CYCLES_PER_US = 16


class SensorBoard(PinBoard):
    """A board with the sensor on its pin (Aosong AM2302 data sheet, section 7).

    Attributes:
        answer: the five bytes, or empty for a sensor that is silent.
        asked: how often it was asked as it wants to be.
    """

    answer = b""
    asked = 0
    _edges: tuple[tuple[int, bool], ...] = ()
    _low_since = 0

    def run(self, until_cycle: int) -> Stop:
        """Run, and move the wire when it is time."""
        while self._edges and self._edges[0][0] <= until_cycle:
            at_cycle, level = self._edges[0]
            stop = super().run(at_cycle)
            if self.cycle < at_cycle:
                return stop
            self.drive_pin("D", PIN, level=level)
            self._edges = self._edges[1:]
        return super().run(until_cycle)

    def on_port_d(self, event: PinChanged) -> None:
        """Watch for a start signal: low for at least 1 ms, and then let go."""
        super().on_port_d(event)
        low = not event.value >> PIN & 1
        if low and not self._low_since:
            self._low_since = event.cycle
        elif not low and self._low_since:
            if event.cycle - self._low_since >= 1_000 * CYCLES_PER_US and self.answer:
                self._begin(event.cycle)
            self._low_since = 0

    def _begin(self, cycle: int) -> None:
        self.asked += 1
        at_us = 190
        levels = [(30, False), (110, True), (at_us, False)]
        for byte in self.answer:
            for bit in range(7, -1, -1):
                high_us = 70 if byte >> bit & 1 else 27
                levels += [(at_us + 50, True), (at_us + 50 + high_us, False)]
                at_us += 50 + high_us
        levels.append((at_us + 50, True))
        self._edges = tuple((cycle + us * CYCLES_PER_US, level) for us, level in levels)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("answer", "temp_c", "humidity_pc"),
    [
        (bytes([0x02, 0x8C, 0x01, 0x5F, 0xEE]), 35.1, 65.2),
        (bytes([0x02, 0x92, 0x80, 0x65, 0x79]), -10.1, 65.8),
        (bytes([0x02, 0x92, 0x80, 0x65, 0x78]), None, None),
        (b"", None, None),
    ],
)
def test_it_is_read_while_the_modem_talks(
    images: dict[str, Image], soft: bool, answer: bytes, temp_c: float | None, humidity_pc: float | None
) -> None:
    image = images["uno_softserial" if soft else "uno"]
    bench = make_bench(
        image,
        soft=soft,
        baud=9_600 if soft else 115_200,
        board_type=SensorBoard,
        interval_ms="2000",
        channels="a0,temp_c,humidity_pc",
    )
    assert isinstance(bench.board, SensorBoard)
    bench.board.drive_pin("D", PIN, level=True)
    bench.board.answer = answer
    assert bench.run_until_acked(8, limit_s=60)
    assert bench.board.asked == (bench.counters.sampled if answer else 0)
    for values in bench.server.stored.values():
        assert (values["temp_c"], values["humidity_pc"]) == (temp_c, humidity_pc)
        assert isinstance(values["a0"], int)
