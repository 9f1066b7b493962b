#include "core/console.h"

#include "core/base64url.h"
#include "core/hmac.h"
#include "core/journal.h"
#include "core/knock.h" // KNOCK
#include "core/sensors.h"
#include "core/setting_values.h"
#include "core/status.h"
#include "core/timer.h" // elapsed_ms
#include "hal/console.h"
#include "hal/eeprom.h" // eeprom_read
#include "hal/flash.h"  // HAL_FLASH_TEXT, flash_char
#include "hal/watchdog.h"

namespace unolink {

constexpr uint32_t Console::IDLE_LIMIT_MS;
constexpr uint8_t Console::LINE_MAX;

namespace {

constexpr uint8_t CHECK_CHARACTERS = 8;

void say(TextCursor& text) {
    for (uint8_t byte = 0; text.next(byte);) {
        hal::console_write(byte);
    }
}

void say(const char* flash_text) {
    TextCursor text;
    text.load(flash_text);
    say(text);
}

void say_blank_and_number(uint32_t number) {
    TextCursor text;
    text.load_number(number);
    hal::console_write(' ');
    say(text);
}

void end_line() {
    say(HAL_FLASH_TEXT("\r\n"));
}

void say_line(const char* flash_text) {
    say(flash_text);
    end_line();
}

void say_ok() {
    say_line(HAL_FLASH_TEXT("ok"));
}

void say_number(const char* flash_name, uint32_t number) {
    say(flash_name);
    say_blank_and_number(number);
    end_line();
}

void say_bad_value(const char* flash_what) {
    say(HAL_FLASH_TEXT("error bad value: "));
    say_line(flash_what);
}

void say_saved(Err result) {
    if (result == Err::None) {
        say_ok();
    } else {
        say_line(HAL_FLASH_TEXT("error memory: the EEPROM does not keep what is written"));
    }
}

// Says a blank before each setting that is missing, and its name. True: there was one.
bool say_missing(const Settings& settings) {
    bool missing = false;
    for (uint8_t i = 0; i < SETTING_COUNT; ++i) {
        const Setting setting = static_cast<Setting>(i);
        if (layout_of(setting).required && !settings.has(setting)) {
            hal::console_write(' ');
            say(setting_name(setting));
            missing = true;
        }
    }
    return missing;
}

// By which two ends can see that they hold the same key, without saying it.
void say_key_check(const Settings& settings) {
    Hmac hmac;
    hmac.begin(settings.address_of(Setting::Key) + 1);
    hmac.feed(HAL_FLASH_TEXT("key check"));
    uint8_t tag[TAG_BYTES];
    hmac.finish(tag);
    TextCursor characters;
    characters.load_tag(tag);
    uint8_t byte = 0;
    say(HAL_FLASH_TEXT(" check "));
    for (uint8_t i = 0; i < CHECK_CHARACTERS && characters.next(byte); ++i) {
        hal::console_write(byte);
    }
}

bool same(const Settings& left, const Settings& right, Setting setting) {
    const SettingLayout layout = layout_of(setting);
    const uint16_t left_address = left.address_of(setting);
    const uint16_t right_address = right.address_of(setting);
    const uint8_t bytes = layout.text ? hal::eeprom_read(left_address) + 1 : layout.bytes_max;
    for (uint8_t i = 0; i < bytes; ++i) {
        if (hal::eeprom_read(left_address + i) != hal::eeprom_read(right_address + i)) {
            return false;
        }
    }
    return true;
}

} // namespace

void Console::greet() {
    end_line();
    say_line(HAL_FLASH_TEXT("unolink console 1"));
    say_ok();
}

bool Console::restart_asked(uint32_t now_ms) const {
    return restart_ || elapsed_ms(last_line_ms_, now_ms) >= IDLE_LIMIT_MS;
}

void Console::complain(const Settings& settings) {
    say(HAL_FLASH_TEXT("\r\nunolink: not set up:"));
    say_missing(settings);
    say_line(HAL_FLASH_TEXT(" missing; send !unolink"));
}

void Console::receive(uint8_t byte, uint32_t now_ms) {
    if (byte != '\r' && byte != '\n') {
        if (length_ < LINE_MAX) {
            line_[length_] = static_cast<char>(byte);
        }
        length_ += length_ <= LINE_MAX ? 1 : 0;
        return;
    }
    if (length_ > LINE_MAX) {
        say_line(HAL_FLASH_TEXT("error line too long"));
    } else if (length_ > 0) {
        line_[length_] = '\0';
        last_line_ms_ = now_ms;
        run();
    }
    length_ = 0;
}

void Console::run() {
    if (is(KNOCK)) {
        greet();
    } else if (is(HAL_FLASH_TEXT("help"))) {
        say_line(HAL_FLASH_TEXT("help show set save status restart factory-reset"));
        say_ok();
    } else if (is(HAL_FLASH_TEXT("show"))) {
        show();
    } else if (is(HAL_FLASH_TEXT("set"))) {
        set();
    } else if (is(HAL_FLASH_TEXT("save"))) {
        save();
    } else if (is(HAL_FLASH_TEXT("status"))) {
        tell_status();
    } else if (is(HAL_FLASH_TEXT("restart"))) {
        restart_ = true;
        say_ok();
    } else if (is(HAL_FLASH_TEXT("factory-reset"))) {
        factory_reset();
    } else {
        say_line(HAL_FLASH_TEXT("error unknown command; send help"));
    }
}

// Is this the first word of the line?
bool Console::is(const char* flash_word) const {
    const char* at = line_;
    while (*at != '\0' && *at == hal::flash_char(flash_word)) {
        ++at;
        ++flash_word;
    }
    return hal::flash_char(flash_word) == '\0' && (*at == '\0' || (*at == ' ' && *line_ == 's'));
}

void Console::show() {
    if (!settings_.complete()) {
        settings_.begin_draft(); // there is nothing else to look at
    }
    for (uint8_t i = 0; i < SETTING_COUNT; ++i) {
        show_setting(static_cast<Setting>(i));
    }
    say_ok();
}

void Console::show_setting(Setting setting) {
    say(setting_name(setting));
    if (setting == Setting::Channels) {
        hal::console_write(' ');
        for_each_channel_name(static_cast<ChannelMask>(settings_.number(setting)), say);
    } else if (setting == Setting::ServerPort || setting == Setting::IntervalMs) {
        say_blank_and_number(settings_.number(setting));
    } else if (!settings_.has(setting)) {
        // its name alone
    } else if (setting == Setting::Key) {
        say_key_check(settings_);
    } else if (setting == Setting::WifiPassword) {
        say(HAL_FLASH_TEXT(" ********"));
    } else {
        TextCursor text;
        text.load(settings_.text(setting));
        hal::console_write(' ');
        say(text);
    }
    end_line();
}

void Console::tell_status() {
    say_number(HAL_FLASH_TEXT("boot"), life_.boot);
    say_number(HAL_FLASH_TEXT("waiting"), waiting_);
    for (uint8_t i = 0; i < STATUS_COUNT; ++i) {
        say_number(status_name(i), status_value(i, life_, counters_));
    }
    say_ok();
}

void Console::set() {
    const char* value = line_ + 3;
    const Setting setting = named_setting(value);
    if (static_cast<uint8_t>(setting) == SETTING_COUNT) {
        say_line(HAL_FLASH_TEXT("error unknown setting; send show"));
        return;
    }
    settings_.begin_draft();
    hal::watchdog_kick();
    const uint8_t length = static_cast<uint8_t>(line_ + length_ - value);
    const char* wanted = store_value(settings_, setting, value, length);
    if (wanted == nullptr) {
        say_ok();
    } else {
        say_bad_value(wanted);
    }
}

// Which setting the text at `value` names; moves it to the value. SETTING_COUNT: none.
Setting Console::named_setting(const char*& value) const {
    for (uint8_t i = 0; *value == ' ' && i < SETTING_COUNT; ++i) {
        const char* name = setting_name(static_cast<Setting>(i));
        const char* at = value + 1;
        while (*at != '\0' && *at == hal::flash_char(name)) {
            ++at;
            ++name;
        }
        if (hal::flash_char(name) == '\0' && (*at == ' ' || *at == '\0')) {
            value = *at == ' ' ? at + 1 : at;
            return static_cast<Setting>(i);
        }
    }
    return static_cast<Setting>(SETTING_COUNT);
}

void Console::save() {
    if (!settings_.complete()) {
        settings_.begin_draft();
    }
    if (!settings_.drafting()) {
        say_ok();
        return;
    }
    for (uint8_t i = 0; i < SETTING_COUNT; ++i) {
        const Setting setting = static_cast<Setting>(i);
        if (layout_of(setting).required && !settings_.has(setting)) {
            say(HAL_FLASH_TEXT("error incomplete:"));
            say_missing(settings_);
            end_line();
            return;
        }
    }
    Settings former;
    former.begin();
    if (former.complete() &&
        !(same(former, settings_, Setting::Device) && same(former, settings_, Setting::Channels))) {
        Journal::erase(); // what waits there belongs to the former ones
        waiting_ = 0;
        hal::watchdog_kick();
    }
    say_saved(settings_.save());
}

void Console::factory_reset() {
    settings_.erase();
    hal::watchdog_kick();
    Journal::erase();
    waiting_ = 0;
    say_ok();
}

} // namespace unolink
