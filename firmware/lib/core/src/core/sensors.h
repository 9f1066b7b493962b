// The channels that a node can have: one row of a table each.
//
// A channel is a name, a way to measure, and a unit in which its raw value is sent. What is kept and stored
// is the raw value. A new sensor is one file, a name in `Sensor`, its lines in the three functions below, and
// a name and a row for each of its values; they go to the end, because settings name them by their place.
#pragma once

#include "core/text.h" // Found

#include <stdint.h>

namespace unolink {

// A set of channels: bit n is row n of the table.
using ChannelMask = uint16_t;
constexpr uint8_t CHANNELS_MAX = 14;

// A raw value that is none: the sensor failed.
constexpr int16_t NO_VALUE = INT16_MIN;

enum class Sensor : uint8_t { Analog, Dht22 };

enum class Unit : uint8_t { Raw, Millivolts, Tenths };

// Starts a measurement of the channel in row `index`; may be called again while one is under way.
void begin_measurement(uint8_t index, uint32_t now_ms);

// Is it over? Ask often.
bool measured(uint8_t index, uint32_t now_ms);

// The raw value, or NO_VALUE. Takes up to 120 us.
int16_t raw_value(uint8_t index);

// The name of row `index`, in program memory.
const char* channel_name(uint8_t index);

// Which row's name `text` begins with, or CHANNELS_MAX: with a comma behind it or nothing.
Found find_channel(const char* text);

// Which channels are in use, from now on.
void use_channels(ChannelMask channels);
ChannelMask used_channels();

// How many there are.
uint8_t channel_count();

// The next one of them from row `index` on, or CHANNELS_MAX.
uint8_t next_channel(uint8_t index);

// What is sent for a raw value of row `index` that is one: a number, and how many of its digits are behind
// the point.
int16_t to_unit(uint8_t index, int16_t raw, uint8_t& decimals);

} // namespace unolink
