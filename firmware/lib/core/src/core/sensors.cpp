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
    {"a0", Sensor::Analog, 0, Unit::Raw},
    {"a1", Sensor::Analog, 1, Unit::Raw},
    {"a2", Sensor::Analog, 2, Unit::Raw},
    {"a3", Sensor::Analog, 3, Unit::Raw},
    {"a4", Sensor::Analog, 4, Unit::Raw},
    {"a5", Sensor::Analog, 5, Unit::Raw},
    {"a0_mv", Sensor::Analog, 0, Unit::Millivolts},
    {"a1_mv", Sensor::Analog, 1, Unit::Millivolts},
    {"a2_mv", Sensor::Analog, 2, Unit::Millivolts},
    {"a3_mv", Sensor::Analog, 3, Unit::Millivolts},
    {"a4_mv", Sensor::Analog, 4, Unit::Millivolts},
    {"a5_mv", Sensor::Analog, 5, Unit::Millivolts},
    {"temp_c", Sensor::Dht22, DHT22_TEMPERATURE, Unit::Tenths},
    {"humidity_pc", Sensor::Dht22, DHT22_HUMIDITY, Unit::Tenths},
};
static_assert(sizeof CHANNELS / sizeof CHANNELS[0] == CHANNELS_MAX, "as many as announced");

Sensor sensor_of(uint8_t index) {
    Sensor sensor;
    hal::flash_copy(sensor, CHANNELS[index].sensor);
    return sensor;
}

} // namespace

void begin_measurement(uint8_t index, uint32_t now_ms) {
    if (sensor_of(index) == Sensor::Dht22) {
        dht22_begin(now_ms);
    }
}

bool measured(uint8_t index, uint32_t now_ms) {
    return sensor_of(index) != Sensor::Dht22 || dht22_done(now_ms);
}

int16_t raw_value(uint8_t index) {
    const Channel channel = channel_at(index);
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

int32_t to_unit(Unit unit, int16_t raw, uint8_t& decimals) {
    decimals = unit == Unit::Tenths ? 1 : 0;
    if (unit == Unit::Millivolts) {
        return (static_cast<int32_t>(raw) * SUPPLY_MV + FULL_SCALE / 2) / FULL_SCALE;
    }
    return raw;
}

} // namespace unolink
