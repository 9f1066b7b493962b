// hal/console.h: the console has the hardware UART, alone or together with the modem.

#include "hal/console.h"
#include "usart.h"

namespace hal {

bool console_read(uint8_t& byte) {
    return uno::usart_read(byte);
}

void console_write(uint8_t byte) {
    while (uno::usart_write_room() == 0) {
    }
    uno::usart_write(byte);
}

} // namespace hal
