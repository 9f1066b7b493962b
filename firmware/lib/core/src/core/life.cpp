#include "core/life.h"

#include "core/crc16.h"
#include "core/eeprom_map.h" // LIFE_ADDRESS, read_block, write_block

namespace unolink {

constexpr uint8_t Life::CAUSES;
Life this_life;

namespace {

constexpr uint8_t SLOTS = 4;

struct Slot {
    Life life;
    uint16_t crc;
};
static_assert(sizeof(Slot) == 14 || sizeof(Slot) == 16, "without gaps on an AVR");
static_assert(LIFE_ADDRESS + SLOTS * sizeof(Slot) <= SETTINGS_ADDRESS, "the slots fit their part");

uint16_t address_of(uint8_t slot) {
    return static_cast<uint16_t>(LIFE_ADDRESS + slot * sizeof(Slot));
}

// Reads a slot. False: its checksum is wrong.
bool read_slot(uint8_t index, Slot& slot) {
    read_block(address_of(index), &slot, sizeof slot);
    return slot.crc == crc16_of(CRC16_START, &slot.life, sizeof slot.life);
}

} // namespace

Err begin_life(hal::ResetCause cause) {
    Slot newest = {};
    Slot slot;
    uint8_t target = 0;
    for (uint8_t i = 0; i < SLOTS; ++i) {
        if (read_slot(i, slot) && slot.life.boot > newest.life.boot) {
            newest = slot;
            target = static_cast<uint8_t>(i + 1) % SLOTS;
        }
    }
    ++newest.life.boot;
    const uint8_t index = static_cast<uint8_t>(cause);
    if (index < Life::CAUSES && newest.life.starts[index] < UINT16_MAX) {
        ++newest.life.starts[index];
    }
    newest.crc = crc16_of(CRC16_START, &newest.life, sizeof newest.life);
    write_block(address_of(target), &newest, sizeof newest);
    this_life = newest.life;
    return read_slot(target, slot) && slot.life.boot == newest.life.boot ? Err::None : Err::Corrupt;
}

} // namespace unolink
