// The modem's line and the console's are one: the hardware UART on pins 0 and 1. Environment `uno`.

#include "sleep.h" // sleep_unless
#include "usart.h"

#include "hal/console.h" // CONSOLE_IS_MODEM_LINE
#include "hal/flash.h"   // HAL_FLASH, flash_copy
#include "hal/idle.h"
#include "hal/modem.h"

namespace {

// What modules are found with, likely ones first. 115200 is what all AT versions from 1.0 on start with.
const uint16_t DIVISORS[] HAL_FLASH = {uno::usart_divisor(115200), uno::usart_divisor(9600),
                                       uno::usart_divisor(57600),  uno::usart_divisor(38400),
                                       uno::usart_divisor(19200),  uno::usart_divisor(74880)};

} // namespace

namespace hal {

extern const uint8_t MODEM_WAYS = sizeof DIVISORS / sizeof DIVISORS[0];
extern const bool CONSOLE_IS_MODEM_LINE = true;

void modem_open(uint8_t way) {
    uint16_t divisor;
    flash_copy(divisor, DIVISORS[way]);
    uno::usart_open(divisor);
}

bool modem_read(uint8_t& byte) {
    return uno::usart_read(byte);
}

uint8_t modem_write_room() {
    return uno::usart_write_room();
}

void modem_write(uint8_t byte) {
    uno::usart_write(byte);
}

void idle_until_event() {
    uno::sleep_unless([] { return !uno::usart_received.empty(); });
}

} // namespace hal
