// The one wire of a DHT22 (AM2302) sensor. Called from the main loop only; the board receives by interrupts.
#pragma once

#include <stdint.h>

namespace hal {

// Pulls the wire low: after 1 ms the sensor knows that it is asked. Budget: 5 us.
void dht22_pull();

// Lets the wire go and listens. The answer takes 5 ms. Budget: 5 us.
void dht22_release();

// The 5 bytes of the answer, as they came. False: there were not 40 bits. Stops listening. Budget: 10 us.
bool dht22_take(uint8_t* bytes);

} // namespace hal
