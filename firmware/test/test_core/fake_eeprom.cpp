#include "fake_eeprom.h"

#include "hal/eeprom.h"

#include <string.h>

FakeEeprom fake_eeprom;

void FakeEeprom::erase() {
    memset(bytes, 0xFF, sizeof bytes);
    writes_until_cut = -1;
    torn_value = 0;
    worn_out = false;
}

namespace hal {

uint8_t eeprom_read(uint16_t address) {
    return fake_eeprom.bytes[address];
}

void eeprom_write(uint16_t address, uint8_t value) {
    if (fake_eeprom.bytes[address] == value || fake_eeprom.worn_out) {
        return;
    }
    if (fake_eeprom.writes_until_cut == 0) {
        fake_eeprom.bytes[address] = fake_eeprom.torn_value;
        throw PowerCut();
    }
    if (fake_eeprom.writes_until_cut > 0) {
        --fake_eeprom.writes_until_cut;
    }
    fake_eeprom.bytes[address] = value;
}

} // namespace hal
