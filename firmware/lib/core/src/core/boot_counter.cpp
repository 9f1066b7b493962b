#include "core/boot_counter.h"

#include "hal/eeprom.h" // eeprom_read, eeprom_write

namespace unolink {

namespace {

constexpr uint8_t NUMBER_BYTES = 4;
constexpr uint8_t SLOT_BYTES = NUMBER_BYTES + 2;

uint16_t crc16(const uint8_t* bytes, uint8_t count) {
    uint16_t crc = 0xFFFF;
    for (uint8_t i = 0; i < count; ++i) {
        crc ^= static_cast<uint16_t>(bytes[i] << 8);
        for (uint8_t bit = 0; bit < 8; ++bit) {
            const bool carry = (crc & 0x8000) != 0;
            crc = static_cast<uint16_t>(crc << 1);
            if (carry) {
                crc ^= 0x1021;
            }
        }
    }
    return crc;
}

Err read_slot(uint8_t slot, uint32_t& number) {
    uint8_t bytes[SLOT_BYTES];
    for (uint8_t i = 0; i < SLOT_BYTES; ++i) {
        bytes[i] = hal::eeprom_read(BOOT_SLOT_ADDRESSES[slot] + i);
    }
    const uint16_t crc = crc16(bytes, NUMBER_BYTES);
    if (bytes[NUMBER_BYTES] != (crc & 0xFF) || bytes[NUMBER_BYTES + 1] != (crc >> 8)) {
        return Err::Corrupt;
    }
    number = 0;
    for (uint8_t i = NUMBER_BYTES; i > 0; --i) {
        number = number << 8 | bytes[i - 1];
    }
    return Err::None;
}

void write_slot(uint8_t slot, uint32_t number) {
    uint8_t bytes[SLOT_BYTES];
    for (uint8_t i = 0; i < NUMBER_BYTES; ++i) {
        bytes[i] = static_cast<uint8_t>(number >> (8 * i));
    }
    const uint16_t crc = crc16(bytes, NUMBER_BYTES);
    bytes[NUMBER_BYTES] = static_cast<uint8_t>(crc & 0xFF);
    bytes[NUMBER_BYTES + 1] = static_cast<uint8_t>(crc >> 8);
    for (uint8_t i = 0; i < SLOT_BYTES; ++i) {
        hal::eeprom_write(BOOT_SLOT_ADDRESSES[slot] + i, bytes[i]);
    }
}

} // namespace

Err raise_boot_counter(uint32_t& boot) {
    uint32_t latest = 0;
    uint8_t latest_slot = 1; // of an empty EEPROM, slot 0 is written first
    for (uint8_t slot = 0; slot < 2; ++slot) {
        uint32_t number = 0;
        if (read_slot(slot, number) == Err::None && number > latest) {
            latest = number;
            latest_slot = slot;
        }
    }
    const uint8_t target = latest_slot ^ 1;
    write_slot(target, latest + 1);
    uint32_t stored = 0;
    if (read_slot(target, stored) != Err::None || stored != latest + 1) {
        return Err::Corrupt;
    }
    boot = stored;
    return Err::None;
}

} // namespace unolink
