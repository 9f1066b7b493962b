#include "core/sensors.h"

#include "core/dht22.h" // dht22_begin, dht22_done, dht22_read
#include "core/text.h"  // text_at
#include "hal/analog.h" // analog_read
#include "hal/flash.h"  // HAL_FLASH, flash_copy

namespace unolink {

namespace {

// The converter compares with the supply: 1023 is 5 V.
constexpr uint16_t SUPPLY_MV = 5000;
constexpr uint16_t FULL_SCALE = 1023;

// One text behind the other, in the order of the rows below.
const char NAMES[] HAL_FLASH = "a0\0"
                               "a1\0"
                               "a2\0"
                               "a3\0"
                               "a4\0"
                               "a5\0"
                               "a0_mv\0"
                               "a1_mv\0"
                               "a2_mv\0"
                               "a3_mv\0"
                               "a4_mv\0"
                               "a5_mv\0"
                               "temp_c\0"
                               "humidity_pc";

// What measures it, which of the sensor's values it is (0 to 15), and its unit: one byte.
constexpr uint8_t row(Sensor sensor, uint8_t input, Unit unit) {
    return static_cast<uint8_t>(static_cast<uint8_t>(sensor) << 6 | static_cast<uint8_t>(unit) << 4 | input);
}

const uint8_t CHANNELS[] HAL_FLASH = {
    /* a0          */ row(Sensor::Analog, 0, Unit::Raw),
    /* a1          */ row(Sensor::Analog, 1, Unit::Raw),
    /* a2          */ row(Sensor::Analog, 2, Unit::Raw),
    /* a3          */ row(Sensor::Analog, 3, Unit::Raw),
    /* a4          */ row(Sensor::Analog, 4, Unit::Raw),
    /* a5          */ row(Sensor::Analog, 5, Unit::Raw),
    /* a0_mv       */ row(Sensor::Analog, 0, Unit::Millivolts),
    /* a1_mv       */ row(Sensor::Analog, 1, Unit::Millivolts),
    /* a2_mv       */ row(Sensor::Analog, 2, Unit::Millivolts),
    /* a3_mv       */ row(Sensor::Analog, 3, Unit::Millivolts),
    /* a4_mv       */ row(Sensor::Analog, 4, Unit::Millivolts),
    /* a5_mv       */ row(Sensor::Analog, 5, Unit::Millivolts),
    /* temp_c      */ row(Sensor::Dht22, DHT22_TEMPERATURE, Unit::Tenths),
    /* humidity_pc */ row(Sensor::Dht22, DHT22_HUMIDITY, Unit::Tenths),
};
static_assert(sizeof CHANNELS == CHANNELS_MAX, "as many as announced");

ChannelMask used;
uint8_t used_count;

uint8_t row_at(uint8_t index) {
    uint8_t value;
    hal::flash_copy(value, CHANNELS[index]);
    return value;
}

Sensor sensor_of(uint8_t index) {
    return static_cast<Sensor>(row_at(index) >> 6);
}

uint8_t input_of(uint8_t index) {
    return row_at(index) & 0xF;
}

Unit unit_of(uint8_t index) {
    return static_cast<Unit>(row_at(index) >> 4 & 3);
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
    const uint8_t input = input_of(index);
    if (sensor_of(index) == Sensor::Dht22) {
        return dht22_read(input);
    }
    return static_cast<int16_t>(hal::analog_read(input));
}

const char* channel_name(uint8_t index) {
    return text_at(NAMES, index);
}

Found find_channel(const char* text) {
    return find_text(text, NAMES, CHANNELS_MAX, ',');
}

void use_channels(ChannelMask channels) {
    used = channels;
    used_count = 0;
    for (; channels != 0; channels &= static_cast<ChannelMask>(channels - 1)) {
        ++used_count;
    }
}

ChannelMask used_channels() {
    return used;
}

uint8_t channel_count() {
    return used_count;
}

uint8_t next_channel(uint8_t index) {
    while (index < CHANNELS_MAX && (used >> index & 1) == 0) {
        ++index;
    }
    return index;
}

int16_t to_unit(uint8_t index, int16_t raw, uint8_t& decimals) {
    const Unit unit = unit_of(index);
    decimals = unit == Unit::Tenths ? 1 : 0;
    if (unit == Unit::Millivolts) {
        return static_cast<int16_t>(
            (static_cast<uint32_t>(static_cast<uint16_t>(raw)) * SUPPLY_MV + FULL_SCALE / 2) / FULL_SCALE);
    }
    return raw;
}

} // namespace unolink
