// The modem's line is the software UART on pins 2 and 3, the console's the hardware UART. Environment
// `uno_softserial`.

#include "sleep.h" // sleep_unless
#include "soft_uart.h"
#include "usart.h"

#include "hal/console.h" // CONSOLE_IS_MODEM_LINE
#include "hal/flash.h"   // HAL_FLASH_TEXT
#include "hal/idle.h"
#include "hal/modem.h"

namespace hal {

extern const uint8_t MODEM_WAYS = 2;
extern const bool CONSOLE_IS_MODEM_LINE = false;

// Way 1 is for a module as it comes, at 115200 baud: it is told to talk at 9600, which it forgets when it
// restarts.
void modem_open(uint8_t way) {
    uno::usart_open(uno::usart_divisor(115200));
    uno::soft_open();
    if (way == 1) {
        uno::soft_shout(HAL_FLASH_TEXT("\r\nAT+UART_CUR=9600,8,1,0,0\r\n"));
    }
}

bool modem_read(uint8_t& byte) {
    return uno::soft_read(byte);
}

uint8_t modem_write_room() {
    return uno::soft_write_room();
}

void modem_write(uint8_t byte) {
    uno::soft_write(byte);
}

void idle_until_event() {
    uno::sleep_unless([] { return !uno::soft_received.empty() || !uno::usart_received.empty(); });
}

} // namespace hal
