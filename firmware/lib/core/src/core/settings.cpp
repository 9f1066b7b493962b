#include "core/settings.h"

#include "core/crc16.h"
#include "core/eeprom_map.h" // SETTINGS_ADDRESS, read_block, write_block, erase_block
#include "hal/eeprom.h"      // eeprom_read, eeprom_write
#include "hal/flash.h"       // HAL_FLASH, flash_copy

namespace unolink {

constexpr uint8_t Settings::NO_SLOT;
uint8_t Settings::slot_;
bool Settings::drafting_;

namespace {

const SettingLayout LAYOUTS[SETTING_COUNT] HAL_FLASH = {
    /* WifiSsid     */ {0, 32, true, true},
    /* WifiPassword */ {33, 64, true, false},
    /* ServerHost   */ {98, 64, true, true},
    /* ServerPort   */ {163, 2, false, false},
    /* Device       */ {165, 32, true, true},
    /* Key          */ {198, 33, false, true}, // a length byte that is 32 or 0, and the key
    /* IntervalMs   */ {231, 4, false, false},
    /* Channels     */ {235, 2, false, false},
};
constexpr uint8_t GENERATION_OFFSET = 237;
constexpr uint8_t CRC_OFFSET = 238;
static_assert(CRC_OFFSET + 2 == SETTINGS_SLOT_BYTES, "a slot is full to its last byte");

constexpr uint16_t DEFAULT_PORT = 8080;
constexpr uint32_t DEFAULT_INTERVAL_MS = 10000;
constexpr uint16_t DEFAULT_CHANNELS = 3; // a0 and a1

uint16_t address_of_slot(uint8_t slot) {
    return static_cast<uint16_t>(SETTINGS_ADDRESS + slot * SETTINGS_SLOT_BYTES);
}

uint8_t generation_of(uint8_t slot) {
    return hal::eeprom_read(address_of_slot(slot) + GENERATION_OFFSET);
}

} // namespace

SettingLayout layout_of(Setting setting) {
    SettingLayout layout;
    hal::flash_copy(layout, LAYOUTS[static_cast<uint8_t>(setting)]);
    return layout;
}

void Settings::begin() {
    slot_ = NO_SLOT;
    drafting_ = false;
    for (uint8_t slot = 0; slot < 2; ++slot) {
        const bool later =
            slot_ == NO_SLOT || static_cast<int8_t>(generation_of(slot) - generation_of(slot_)) > 0;
        if (valid(slot) && later) {
            slot_ = slot;
        }
    }
}

uint16_t Settings::address_of(Setting setting) {
    return static_cast<uint16_t>(address_of_slot(slot_) + layout_of(setting).offset);
}

uint32_t Settings::number(Setting setting) {
    uint32_t number = 0;
    read_block(address_of(setting), &number, layout_of(setting).bytes_max);
    return number;
}

void Settings::begin_draft() {
    if (drafting_) {
        return;
    }
    const uint8_t from = slot_;
    slot_ = from == NO_SLOT ? 0 : from ^ 1;
    drafting_ = true;
    const uint16_t address = address_of_slot(slot_);
    if (from == NO_SLOT) {
        fill_with_defaults();
        return;
    }
    hal::eeprom_write(address + GENERATION_OFFSET, generation_of(from) - 1); // should a half-made CRC match
    for (uint8_t i = 0; i < GENERATION_OFFSET; ++i) {
        hal::eeprom_write(address + i, hal::eeprom_read(address_of_slot(from) + i));
    }
}

void Settings::fill_with_defaults() {
    for (uint8_t i = 0; i < SETTING_COUNT; ++i) {
        clear(static_cast<Setting>(i));
    }
}

void Settings::clear(Setting setting) {
    switch (setting) {
    case Setting::ServerPort:
        store_number(setting, DEFAULT_PORT);
        break;
    case Setting::IntervalMs:
        store_number(setting, DEFAULT_INTERVAL_MS);
        break;
    case Setting::Channels:
        store_number(setting, DEFAULT_CHANNELS);
        break;
    default:
        hal::eeprom_write(address_of(setting), 0);
        break;
    }
}

bool Settings::has(Setting setting) {
    return hal::eeprom_read(address_of(setting)) != 0;
}

void Settings::store_text(Setting setting, const void* text, uint8_t length) {
    const uint16_t address = address_of(setting);
    hal::eeprom_write(address, length);
    write_block(address + 1, text, length);
}

void Settings::store_number(Setting setting, uint32_t number) {
    write_block(address_of(setting), &number, layout_of(setting).bytes_max);
}

bool Settings::changed(Setting setting) {
    const uint8_t former = slot_ ^ 1;
    const uint16_t address = address_of(setting);
    const uint16_t former_address = address - address_of_slot(slot_) + address_of_slot(former);
    const SettingLayout layout = layout_of(setting);
    const uint8_t bytes = layout.text ? hal::eeprom_read(address) + 1 : layout.bytes_max;
    for (uint8_t i = 0; i < bytes; ++i) {
        if (hal::eeprom_read(address + i) != hal::eeprom_read(former_address + i)) {
            return valid(former);
        }
    }
    return false;
}

Err Settings::save() {
    const uint16_t address = address_of_slot(slot_);
    hal::eeprom_write(address + GENERATION_OFFSET, valid(slot_ ^ 1) ? generation_of(slot_ ^ 1) + 1 : 0);
    const uint16_t crc = crc16_of_eeprom(CRC16_START, address, CRC_OFFSET);
    write_block(address + CRC_OFFSET, &crc, sizeof crc);
    const bool stored = valid(slot_);
    begin();
    return stored ? Err::None : Err::Corrupt;
}

// The slot in force goes last, and of each slot the CRC first: a power cut in between must not bring older
// settings back.
void Settings::erase() {
    begin();
    const uint8_t last = slot_ == NO_SLOT ? 0 : slot_;
    slot_ = NO_SLOT;
    erase_block(address_of_slot(last ^ 1), SETTINGS_SLOT_BYTES);
    erase_block(address_of_slot(last), SETTINGS_SLOT_BYTES);
}

bool Settings::valid(uint8_t slot) {
    const uint16_t address = address_of_slot(slot);
    uint16_t crc = 0;
    read_block(address + CRC_OFFSET, &crc, sizeof crc);
    return crc == crc16_of_eeprom(CRC16_START, address, CRC_OFFSET);
}

} // namespace unolink
