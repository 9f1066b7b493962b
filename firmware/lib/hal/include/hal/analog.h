// Analog inputs. Called from the main loop only.
#pragma once

#include <stdint.h>

namespace hal {

// Converts channel A0..A5 (0 to 5) and returns 0 to 1023, relative to the supply voltage. Waits for the
// conversion: budget 120 us, in which the UART must receive by itself.
uint16_t analog_read(uint8_t channel);

} // namespace hal
