#include "core/setting_values.h"

#include "core/ascii.h" // is_digit, to_lower
#include "core/base64url.h"
#include "core/hmac.h" // KEY_BYTES
#include "core/text.h"
#include "hal/flash.h" // HAL_FLASH, HAL_FLASH_TEXT

#include <string.h> // strlen

namespace unolink {

namespace {

// In the order of Setting.
const char NAMES[] HAL_FLASH = "wifi-ssid\0"
                               "wifi-password\0"
                               "server-host\0"
                               "server-port\0"
                               "device\0"
                               "key\0"
                               "interval-ms\0"
                               "channels";

// What a value may be, in the same order.
const char WANTED[] HAL_FLASH = "1 to 32 bytes\0"
                                "8 to 64 bytes\0"
                                "1 to 64 of A-Z a-z 0-9 . -\0"
                                "1 to 65535\0"
                                "1 to 32 of A-Z a-z 0-9 . _ -\0"
                                "43 characters of base64url\0"
                                "100 to 86400000\0"
                                "channels with commas between";

constexpr uint8_t PASSWORD_MIN = 8; // WPA2; 64 hexadecimal digits are the key itself
constexpr uint16_t PORT_MAX = 65535;
constexpr uint32_t INTERVAL_MIN_MS = 100;
constexpr uint32_t INTERVAL_MAX_MS = 86400000;
constexpr uint8_t KEY_CHARACTERS = 43;

// Letters, digits, dot, dash, and underscore where it may be.
bool is_name(const char* text, bool underscore) {
    for (; *text != '\0'; ++text) {
        const char character = to_lower(*text);
        const bool letter = character >= 'a' && character <= 'z';
        const bool mark = character == '.' || character == '-' || (underscore && character == '_');
        if (!letter && !mark && !is_digit(character)) {
            return false;
        }
    }
    return true;
}

// Decodes a key. False: it is none.
bool read_key(const char* text, uint8_t* bytes) {
    uint16_t pending = 0;
    uint8_t pending_bits = 0;
    for (uint8_t i = 0; i < KEY_CHARACTERS; ++i) {
        const uint8_t bits = base64url_bits(text[i]); // '\0' is none
        if (bits == NOT_BASE64URL) {
            return false;
        }
        pending = static_cast<uint16_t>(pending << 6 | bits);
        pending_bits += 6;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            *bytes++ = static_cast<uint8_t>(pending >> pending_bits);
        }
    }
    return text[KEY_CHARACTERS] == '\0' && (pending & 3) == 0; // they have 2 bits more than 32 bytes
}

bool read_channels(const char* text, uint32_t& channels) {
    for (;; ++text) {
        const Found found = find_channel(text);
        if (found.index == CHANNELS_MAX) {
            return false;
        }
        channels |= 1U << found.index;
        text = found.rest;
        if (*text == '\0') {
            return true;
        }
    }
}

bool store_text(Setting setting, const char* value) {
    const uint8_t length = static_cast<uint8_t>(strlen(value));
    const bool right = setting == Setting::WifiPassword
                           ? length >= PASSWORD_MIN
                           : setting == Setting::WifiSsid || is_name(value, setting == Setting::Device);
    if (right && length <= layout_of(setting).bytes_max) {
        Settings::store_text(setting, value, length);
        return true;
    }
    return false;
}

bool store_key(const char* value) {
    uint8_t bytes[KEY_BYTES];
    const bool right = read_key(value, bytes);
    if (right) {
        Settings::store_text(Setting::Key, bytes, KEY_BYTES);
    }
    return right;
}

// A port, an interval or a set of channels.
bool store_number(Setting setting, const char* value) {
    uint32_t number = 0;
    bool right = false;
    if (setting == Setting::Channels) {
        right = read_channels(value, number);
    } else {
        const bool port = setting == Setting::ServerPort;
        const Number read = read_number(value);
        number = read.value;
        right = *read.end == '\0' && number >= (port ? 1 : INTERVAL_MIN_MS) &&
                number <= (port ? PORT_MAX : INTERVAL_MAX_MS);
    }
    if (right) {
        Settings::store_number(setting, number);
    }
    return right;
}

} // namespace

const char* setting_name(Setting setting) {
    return text_at(NAMES, static_cast<uint8_t>(setting));
}

Found find_setting(const char* text) {
    return find_text(text, NAMES, SETTING_COUNT, ' ');
}

const char* store_value(Setting setting, const char* value) {
    bool right = true;
    if (*value == '\0') {
        Settings::clear(setting);
    } else if (setting == Setting::Key) {
        right = store_key(value);
    } else if (layout_of(setting).text) {
        right = store_text(setting, value);
    } else {
        right = store_number(setting, value);
    }
    return right ? nullptr : text_at(WANTED, static_cast<uint8_t>(setting));
}

void for_each_channel_name(void (*say)(const char* flash_text)) {
    uint8_t i = next_channel(0);
    while (i < CHANNELS_MAX) {
        say(channel_name(i));
        i = next_channel(i + 1);
        if (i < CHANNELS_MAX) {
            say(HAL_FLASH_TEXT(","));
        }
    }
}

} // namespace unolink
