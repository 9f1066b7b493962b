// lib/hal's EEPROM on the host: 1 KB that can lose its power in the middle of a write.
#pragma once

#include <stdint.h>

struct PowerCut {};

struct FakeEeprom {
    uint8_t bytes[1024];
    int writes_until_cut; // negative: the power stays on
    uint8_t torn_value;   // what the interrupted write leaves behind
    bool worn_out;        // nothing is kept

    void erase();
};

extern FakeEeprom fake_eeprom;
