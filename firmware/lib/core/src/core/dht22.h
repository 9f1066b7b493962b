// Temperature and humidity from a DHT22 (AM2302).
//
// An answer is 40 bits: humidity and temperature in tenths, 16 bits each, the temperature with a sign bit of
// its own, and a checksum, the sum of the four bytes (Aosong AM2302 data sheet, section 7).
#pragma once

#include <stdint.h>

namespace unolink {

constexpr uint8_t DHT22_TEMPERATURE = 0; // tenths of a degree Celsius
constexpr uint8_t DHT22_HUMIDITY = 1;    // tenths of a percent

// Asks the sensor; dht22_done() says when its answer is there or overdue: 13 ms at most. Asking again while
// an answer is due changes nothing. The sensor measures every 2 s at most: asked more often, it may stay
// silent.
void dht22_begin(uint32_t now_ms);
bool dht22_done(uint32_t now_ms);

// The raw value of the last answer, or NO_VALUE: silence, a wrong checksum, or out of the sensor's range.
int16_t dht22_read(uint8_t input);

} // namespace unolink
