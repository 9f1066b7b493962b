"""A sample of the fuzzer; `make fuzz` goes on for as long as one likes."""

from collections.abc import Callable

import pytest

from sim.board.fuzzing import run_case
from unosim.board import Image

CASES = 50

IMAGE = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdlib.h>
static volatile uint16_t ticks;
static char text[12];
ISR(TIMER0_OVF_vect) { ticks++; }
ISR(USART_RX_vect) { ticks += UDR0; }
int main(void) {
    TCCR0B = 3; TIMSK0 = 1; UBRR0 = 8; UCSR0B = 0x98; sei();
    for (;;) {
        for (char *c = utoa(ticks, text, 10); *c; c++) { while (!(UCSR0A & 32)) {} UDR0 = *c; }
        sleep_mode();
    }
}
"""


@pytest.mark.parametrize("first", range(0, 20 * CASES, CASES))
def test_the_host_survives(avr_compile: Callable[[str], Image], first: int) -> None:
    image = avr_compile(IMAGE).flash
    for seed in range(first, first + CASES):
        run_case(seed, image)
