// lib/hal on the host: what a test can see of it, and do to it.
#pragma once

#include <stdint.h>
#include <string>

struct PowerCut {};

// 1 KB that can lose its power in the middle of a write.
struct FakeEeprom {
    uint8_t bytes[1024];
    int writes_until_cut; // negative: the power stays on
    uint8_t torn_value;   // what the interrupted write leaves behind
    bool worn_out;        // nothing is kept
    unsigned long writes; // bytes really written

    void erase();

    // Lets the power go at the `writes`th write from now.
    void cut_after(int writes, uint8_t torn);
};

struct FakeBoard {
    std::string console;     // what the console has said
    std::string modem_calls; // `open 1`, `reset low`, `reset free`
    uint8_t dht22[5];        // the sensor's answer
    bool dht22_answers;
    uint16_t analog[6];
};

extern FakeEeprom fake_eeprom;
extern FakeBoard fake_board;

// Lets the power go somewhere in `act`, at each of its EEPROM writes in turn, and each time with every value
// that such a write may leave behind (a few of them), and calls `check` with the board as it then is.
template <typename Act, typename Check>
void at_every_power_cut(Act act, Check check) {
    const FakeEeprom before = fake_eeprom;
    for (int cut_at = 0;; ++cut_at) {
        bool finished = false;
        for (const int torn : {0x00, 0xFF, 0xA5, 0x5A, 0x01}) {
            fake_eeprom = before;
            fake_eeprom.cut_after(cut_at, static_cast<uint8_t>(torn));
            try {
                act();
                finished = true;
            } catch (const PowerCut&) {
            }
            fake_eeprom.writes_until_cut = -1;
            check(finished);
        }
        if (finished) {
            return;
        }
    }
}
