#include "core/setting_values.h"

#include "core/ascii.h" // is_digit, to_lower
#include "core/base64url.h"
#include "core/hmac.h" // KEY_BYTES
#include "hal/flash.h" // HAL_FLASH, HAL_FLASH_TEXT, flash_char

namespace unolink {

namespace {

const char NAMES[SETTING_COUNT][14] HAL_FLASH = {"wifi-ssid", "wifi-password", "server-host", "server-port",
                                                 "device",    "key",           "interval-ms", "channels"};

constexpr uint8_t PASSWORD_MIN = 8; // WPA2; 64 hexadecimal digits are the key itself
constexpr uint16_t PORT_MAX = 65535;
constexpr uint32_t INTERVAL_MIN_MS = 100;
constexpr uint32_t INTERVAL_MAX_MS = 86400000;
constexpr uint8_t KEY_CHARACTERS = 43;
constexpr uint8_t MAX_DIGITS = 8; // as many as the greatest number has

// Reads a whole text as a number. False: it is none, or not within the limits.
bool read_number(const char* text, uint8_t length, uint32_t least, uint32_t greatest, uint32_t& number) {
    number = 0;
    for (uint8_t i = 0; i < length; ++i) {
        if (!is_digit(text[i])) {
            return false;
        }
        number = number * 10 + static_cast<uint32_t>(text[i] - '0');
    }
    return length <= MAX_DIGITS && number >= least && number <= greatest;
}

// Letters, digits, dot, dash, and underscore where it may be.
bool is_name(const char* text, uint8_t length, bool underscore) {
    for (uint8_t i = 0; i < length; ++i) {
        const char character = to_lower(text[i]);
        const bool letter = character >= 'a' && character <= 'z';
        const bool mark = character == '.' || character == '-' || (underscore && character == '_');
        if (!letter && !mark && !is_digit(character)) {
            return false;
        }
    }
    return true;
}

// Decodes a key. False: it is none.
bool read_key(const char* text, uint8_t length, uint8_t* bytes) {
    if (length != KEY_CHARACTERS) {
        return false;
    }
    uint16_t pending = 0;
    uint8_t pending_bits = 0;
    for (uint8_t i = 0; i < KEY_CHARACTERS; ++i) {
        const uint8_t bits = base64url_bits(text[i]);
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
    return (pending & 3) == 0; // 43 characters have 2 bits more than 32 bytes
}

bool is_channel(uint8_t index, const char* name, uint8_t length) {
    const char* expected = channel_name(index);
    uint8_t i = 0;
    while (i < length && name[i] == hal::flash_char(expected + i)) {
        ++i;
    }
    return i == length && hal::flash_char(expected + i) == '\0';
}

bool read_channels(const char* text, uint8_t length, ChannelMask& channels) {
    channels = 0;
    uint8_t begin = 0;
    for (uint8_t end = 0; end <= length; ++end) {
        if (end < length && text[end] != ',') {
            continue;
        }
        uint8_t index = 0;
        while (index < CHANNELS_MAX && !is_channel(index, text + begin, static_cast<uint8_t>(end - begin))) {
            ++index;
        }
        if (index == CHANNELS_MAX) {
            return false;
        }
        channels |= static_cast<ChannelMask>(1U << index);
        begin = end + 1;
    }
    return true;
}

const char* store_text(Settings& draft, Setting setting, const char* value, uint8_t length) {
    if (length > layout_of(setting).bytes_max ||
        (setting == Setting::WifiPassword && length < PASSWORD_MIN)) {
        return setting == Setting::WifiSsid       ? HAL_FLASH_TEXT("1 to 32 bytes")
               : setting == Setting::WifiPassword ? HAL_FLASH_TEXT("8 to 64 bytes")
               : setting == Setting::ServerHost   ? HAL_FLASH_TEXT("1 to 64 of A-Z a-z 0-9 . -")
                                                  : HAL_FLASH_TEXT("1 to 32 of A-Z a-z 0-9 . _ -");
    }
    if (setting == Setting::ServerHost && !is_name(value, length, false)) {
        return HAL_FLASH_TEXT("1 to 64 of A-Z a-z 0-9 . -");
    }
    if (setting == Setting::Device && !is_name(value, length, true)) {
        return HAL_FLASH_TEXT("1 to 32 of A-Z a-z 0-9 . _ -");
    }
    draft.store_text(setting, value, length);
    return nullptr;
}

const char* store_key(Settings& draft, const char* value, uint8_t length) {
    uint8_t bytes[KEY_BYTES];
    if (!read_key(value, length, bytes)) {
        return HAL_FLASH_TEXT("43 characters of base64url");
    }
    draft.store_text(Setting::Key, bytes, KEY_BYTES);
    return nullptr;
}

} // namespace

const char* setting_name(Setting setting) {
    return NAMES[static_cast<uint8_t>(setting)];
}

const char* store_value(Settings& draft, Setting setting, const char* value, uint8_t length) {
    uint32_t number = 0;
    ChannelMask channels = 0;
    if (length == 0) {
        draft.clear(setting);
        return nullptr;
    }
    switch (setting) {
    case Setting::ServerPort:
        if (!read_number(value, length, 1, PORT_MAX, number)) {
            return HAL_FLASH_TEXT("1 to 65535");
        }
        break;
    case Setting::IntervalMs:
        if (!read_number(value, length, INTERVAL_MIN_MS, INTERVAL_MAX_MS, number)) {
            return HAL_FLASH_TEXT("100 to 86400000");
        }
        break;
    case Setting::Channels:
        if (!read_channels(value, length, channels)) {
            return HAL_FLASH_TEXT("names of channels with commas between them");
        }
        number = channels;
        break;
    case Setting::Key:
        return store_key(draft, value, length);
    default:
        return store_text(draft, setting, value, length);
    }
    draft.store_number(setting, number);
    return nullptr;
}

void for_each_channel_name(ChannelMask channels, void (*say)(const char* flash_text)) {
    uint8_t i = next_channel(channels, 0);
    while (i < CHANNELS_MAX) {
        say(channel_name(i));
        i = next_channel(channels, i + 1);
        if (i < CHANNELS_MAX) {
            say(HAL_FLASH_TEXT(","));
        }
    }
}

} // namespace unolink
