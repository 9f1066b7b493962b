#include "core/sensors.h"

#include "core/dht22.h" // dht22_begin, dht22_done, dht22_read
#include "hal/analog.h" // analog_read
#include "hal/flash.h"  // HAL_FLASH, flash_copy

namespace unolink {

namespace {

// The converter compares with the supply: 1023 is 5 V.
constexpr uint16_t SUPPLY_MV = 5000;
constexpr uint16_t FULL_SCALE = 1023;

const Channel CHANNELS[] HAL_FLASH = {
    {"a0", Sensor::Analog, 0, 0, 1, 1},
    {"a1", Sensor::Analog, 1, 0, 1, 1},
    {"a2", Sensor::Analog, 2, 0, 1, 1},
    {"a3", Sensor::Analog, 3, 0, 1, 1},
    {"a4", Sensor::Analog, 4, 0, 1, 1},
    {"a5", Sensor::Analog, 5, 0, 1, 1},
    {"a0_mv", Sensor::Analog, 0, 0, SUPPLY_MV, FULL_SCALE},
    {"a1_mv", Sensor::Analog, 1, 0, SUPPLY_MV, FULL_SCALE},
    {"a2_mv", Sensor::Analog, 2, 0, SUPPLY_MV, FULL_SCALE},
    {"a3_mv", Sensor::Analog, 3, 0, SUPPLY_MV, FULL_SCALE},
    {"a4_mv", Sensor::Analog, 4, 0, SUPPLY_MV, FULL_SCALE},
    {"a5_mv", Sensor::Analog, 5, 0, SUPPLY_MV, FULL_SCALE},
    {"temp_c", Sensor::Dht22, DHT22_TEMPERATURE, 1, 1, 1},
    {"humidity_pc", Sensor::Dht22, DHT22_HUMIDITY, 1, 1, 1},
};
static_assert(sizeof CHANNELS / sizeof CHANNELS[0] == CHANNELS_MAX, "as many as announced");

} // namespace

void begin_measurement(const Channel& channel, uint32_t now_ms) {
    if (channel.sensor == Sensor::Dht22) {
        dht22_begin(now_ms);
    }
}

bool measured(const Channel& channel, uint32_t now_ms) {
    return channel.sensor != Sensor::Dht22 || dht22_done(now_ms);
}

int16_t raw_value(const Channel& channel) {
    if (channel.sensor == Sensor::Dht22) {
        return dht22_read(channel.input);
    }
    return static_cast<int16_t>(hal::analog_read(channel.input));
}

Channel channel_at(uint8_t index) {
    Channel channel;
    hal::flash_copy(channel, CHANNELS[index]);
    return channel;
}

const char* channel_name(uint8_t index) {
    return CHANNELS[index].name;
}

uint8_t channel_count(ChannelMask channels) {
    uint8_t count = 0;
    for (; channels != 0; channels &= static_cast<ChannelMask>(channels - 1)) {
        ++count;
    }
    return count;
}

uint8_t next_channel(ChannelMask channels, uint8_t index) {
    while (index < CHANNELS_MAX && (channels >> index & 1) == 0) {
        ++index;
    }
    return index;
}

int32_t to_unit(const Channel& channel, int16_t raw) {
    const int32_t scaled = static_cast<int32_t>(raw) * channel.multiply;
    const int32_t half = channel.divide / 2;
    return (scaled < 0 ? scaled - half : scaled + half) / channel.divide;
}

} // namespace unolink
