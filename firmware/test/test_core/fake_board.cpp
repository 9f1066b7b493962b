#include "fake_board.h"

#include "hal/analog.h"
#include "hal/console.h"
#include "hal/dht22.h"
#include "hal/eeprom.h"
#include "hal/modem.h"
#include "hal/stack.h"
#include "hal/watchdog.h"

#include <string.h>

FakeEeprom fake_eeprom;
FakeBoard fake_board = {"", "", {}, false, {512, 300, 0, 0, 0, 0}};

void FakeEeprom::erase() {
    memset(bytes, 0xFF, sizeof bytes);
    writes_until_cut = -1;
    torn_value = 0;
    worn_out = false;
    writes = 0;
}

void FakeEeprom::cut_after(int writes_left, uint8_t torn) {
    writes_until_cut = writes_left;
    torn_value = torn;
}

namespace hal {

uint8_t eeprom_read(uint16_t address) {
    return fake_eeprom.bytes[address];
}

bool eeprom_ready() {
    return true;
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
    ++fake_eeprom.writes;
    fake_eeprom.bytes[address] = value;
}

extern const uint8_t MODEM_WAYS = 3;

void modem_open(uint8_t way) {
    fake_board.modem_calls += "open " + std::to_string(way) + " ";
}

void modem_hold_reset(bool low) {
    fake_board.modem_calls += low ? "low " : "free ";
}

void console_write(uint8_t byte) {
    fake_board.console += static_cast<char>(byte);
}

void watchdog_kick() {}

uint16_t stack_free_bytes() {
    return 600;
}

uint16_t analog_read(uint8_t channel) {
    return fake_board.analog[channel];
}

void dht22_pull() {}
void dht22_release() {}

bool dht22_take(uint8_t* bytes) {
    memcpy(bytes, fake_board.dht22, sizeof fake_board.dht22);
    return fake_board.dht22_answers;
}

} // namespace hal
