// What this node has been told over its cable: Wi-Fi, server, name, key, interval, channels.
//
// Two slots in EEPROM, each with a generation number and a CRC-16. The valid slot of the later generation is
// in force. Changes are made in the other slot, which counts for nothing until its CRC is written as the last
// thing: a power cut at any moment leaves either the old settings or the new. Texts are read from EEPROM
// where they are needed; nothing of this lies in RAM.
#pragma once

#include "core/err.h"
#include "core/rare.h"
#include "core/text_cursor.h" // StoredText

#include <stdint.h>

namespace unolink {

enum class Setting : uint8_t {
    WifiSsid,
    WifiPassword,
    ServerHost,
    ServerPort,
    Device,
    Key,
    IntervalMs,
    Channels,
};
constexpr uint8_t SETTING_COUNT = 8;

// Where a setting lies in its slot, and what it may be.
struct SettingLayout {
    uint8_t offset;
    uint8_t bytes_max; // of a text: without its length byte; of a number: its size
    bool text;         // a length byte goes before it
    bool required;     // without it nothing can be sent, and there is no default
};
SettingLayout layout_of(Setting setting);

class Settings {
  public:
    // Finds the slot in force. Call first.
    static void begin();

    // Are settings in force? A slot that was saved is complete; a draft is not in force.
    static bool complete() { return slot_ != NO_SLOT && !drafting_; }

    static StoredText text(Setting setting) { return {address_of(setting)}; }
    static uint32_t number(Setting setting);

    // The first byte of a setting in EEPROM.
    static uint16_t address_of(Setting setting);

    // Copies the slot in force to the other one, or fills that with defaults, and turns to it: what is asked
    // and changed from now on is the draft. Does nothing if this is the draft already. Takes up to 0.9 s.
    UNOLINK_RARE static void begin_draft();

    UNOLINK_RARE static void store_text(Setting setting, const void* text, uint8_t length);
    UNOLINK_RARE static void store_number(Setting setting, uint32_t number);

    // Takes a setting away, or gives it its default.
    UNOLINK_RARE static void clear(Setting setting);

    static bool has(Setting setting);

    // Is it another one in the draft than in the settings in force? False if there are none.
    UNOLINK_RARE static bool changed(Setting setting);

    // Puts the draft in force. Corrupt: the EEPROM does not keep what is written; the old settings are in
    // force.
    UNOLINK_RARE UNOLINK_MUST_CHECK static Err save();

    // Is this a draft?
    static bool drafting() { return drafting_; }

    // Takes all settings away, saved ones too. Takes up to 1.7 s.
    UNOLINK_RARE static void erase();

  private:
    static constexpr uint8_t NO_SLOT = 0xFF;

    static bool valid(uint8_t slot);
    UNOLINK_RARE static void fill_with_defaults();

    static uint8_t slot_;
    static bool drafting_;
};

} // namespace unolink
