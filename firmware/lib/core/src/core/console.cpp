#include "core/console.h"

#include "core/base64url.h"
#include "core/hmac.h"
#include "core/journal.h"
#include "core/life.h" // this_life
#include "core/rare.h"
#include "core/sensors.h"
#include "core/setting_values.h"
#include "core/status.h"
#include "core/text.h"
#include "core/timer.h" // elapsed_ms
#include "hal/console.h"
#include "hal/flash.h" // HAL_FLASH, HAL_FLASH_TEXT
#include "hal/watchdog.h"

namespace unolink {

constexpr uint32_t Console::IDLE_LIMIT_MS;
constexpr uint8_t Console::LINE_MAX;

namespace {

constexpr uint8_t CHECK_CHARACTERS = 8;

// In the order of Command.
const char COMMANDS[] HAL_FLASH = "!unolink\0"
                                  "help\0"
                                  "show\0"
                                  "set\0"
                                  "save\0"
                                  "status\0"
                                  "restart\0"
                                  "factory-reset";

UNOLINK_RARE void say(TextCursor& text) {
    for (uint8_t byte = 0; text.next(byte);) {
        hal::console_write(byte);
    }
}

UNOLINK_RARE void say(const char* flash_text) {
    TextCursor text;
    text.load(flash_text);
    say(text);
}

UNOLINK_RARE void say_blank_and_number(uint32_t number) {
    TextCursor text;
    text.load_number(number);
    hal::console_write(' ');
    say(text);
}

UNOLINK_RARE void end_line() {
    say(HAL_FLASH_TEXT("\r\n"));
}

UNOLINK_RARE void say_line(const char* flash_text) {
    say(flash_text);
    end_line();
}

UNOLINK_RARE void say_ok() {
    say_line(HAL_FLASH_TEXT("ok"));
}

UNOLINK_RARE void say_number(const char* flash_name, uint32_t number) {
    say(flash_name);
    say_blank_and_number(number);
    end_line();
}

UNOLINK_RARE void say_saved(Err result) {
    if (result == Err::None) {
        say_ok();
    } else {
        say_line(HAL_FLASH_TEXT("error memory: the EEPROM is worn out"));
    }
}

// Says the names of settings that are missing, behind `flash_prefix`. False: there is none, and nothing was
// said.
UNOLINK_RARE bool say_missing(const char* flash_prefix) {
    bool missing = false;
    for (uint8_t i = 0; i < SETTING_COUNT; ++i) {
        const Setting setting = static_cast<Setting>(i);
        if (layout_of(setting).required && !Settings::has(setting)) {
            if (!missing) {
                say(flash_prefix);
            }
            hal::console_write(' ');
            say(setting_name(setting));
            missing = true;
        }
    }
    return missing;
}

// By which two ends can see that they hold the same key, without saying it.
UNOLINK_RARE void say_key_check() {
    Hmac hmac;
    hmac.begin();
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

} // namespace

void Console::greet() {
    end_line();
    say_line(HAL_FLASH_TEXT("unolink console 1"));
    say_ok();
}

bool Console::restart_asked(uint32_t now_ms) const {
    return restart_ || elapsed_ms(last_line_ms_, now_ms) >= IDLE_LIMIT_MS;
}

void Console::complain() {
    say_missing(HAL_FLASH_TEXT("\r\nunolink: not set up:"));
    say_line(HAL_FLASH_TEXT(" missing; send !unolink"));
}

void Console::receive(uint8_t byte, uint32_t now_ms) {
    if (byte == '\0') {
        return; // a fill character of terminals
    }
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
    switch (command()) {
    case Command::Greet:
        greet();
        break;
    case Command::Help:
        help();
        break;
    case Command::Show:
        show();
        break;
    case Command::Set:
        set();
        break;
    case Command::Save:
        save();
        break;
    case Command::Status:
        tell_status();
        break;
    case Command::Restart:
        restart_ = true;
        say_ok();
        break;
    case Command::FactoryReset:
        factory_reset();
        break;
    case Command::Unknown:
        say_line(HAL_FLASH_TEXT("error unknown command; send help"));
        break;
    }
}

// Which command the line is; of those with words behind them, which one it begins with.
Console::Command Console::command() const {
    const Found found = find_text(line_, COMMANDS, static_cast<uint8_t>(Command::Unknown), ' ');
    const Command command = static_cast<Command>(found.index);
    return command == Command::Set || *found.rest == '\0' ? command : Command::Unknown;
}

void Console::help() {
    const char* name = COMMANDS;
    for (uint8_t i = static_cast<uint8_t>(Command::Help); i < static_cast<uint8_t>(Command::Unknown); ++i) {
        name = next_text(name);
        if (i > static_cast<uint8_t>(Command::Help)) {
            hal::console_write(' ');
        }
        say(name);
    }
    end_line();
    say_ok();
}

void Console::show() {
    if (!Settings::complete()) {
        Settings::begin_draft(); // there is nothing else to look at
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
        use_channels(static_cast<ChannelMask>(Settings::number(setting)));
        for_each_channel_name(say);
    } else if (setting == Setting::ServerPort || setting == Setting::IntervalMs) {
        say_blank_and_number(Settings::number(setting));
    } else if (!Settings::has(setting)) {
        // its name alone
    } else if (setting == Setting::Key) {
        say_key_check();
    } else if (setting == Setting::WifiPassword) {
        say(HAL_FLASH_TEXT(" ********"));
    } else {
        TextCursor text;
        text.load(Settings::text(setting));
        hal::console_write(' ');
        say(text);
    }
    end_line();
}

void Console::tell_status() {
    say_number(HAL_FLASH_TEXT("boot"), this_life.boot);
    say_number(HAL_FLASH_TEXT("waiting"), waiting_);
    for (uint8_t i = 0; i < STATUS_COUNT; ++i) {
        say_number(status_name(i), status_value(i));
    }
    say_ok();
}

void Console::set() {
    const char* name = line_ + sizeof "set" - 1;
    const Found found = find_setting(*name == ' ' ? name + 1 : name);
    const Setting setting = static_cast<Setting>(found.index);
    if (found.index == SETTING_COUNT) {
        say_line(HAL_FLASH_TEXT("error unknown setting; send show"));
        return;
    }
    Settings::begin_draft();
    hal::watchdog_kick();
    const char* wanted = store_value(setting, *found.rest == ' ' ? found.rest + 1 : found.rest);
    if (wanted == nullptr) {
        say_ok();
    } else {
        say(HAL_FLASH_TEXT("error bad value: "));
        say_line(wanted);
    }
}

void Console::save() {
    if (!Settings::complete()) {
        Settings::begin_draft();
    }
    if (!Settings::drafting()) {
        say_ok();
        return;
    }
    if (say_missing(HAL_FLASH_TEXT("error incomplete:"))) {
        end_line();
        return;
    }
    if (Settings::changed(Setting::Device) || Settings::changed(Setting::Channels)) {
        Journal::erase(); // what waits there belongs to the former ones
        waiting_ = 0;
        hal::watchdog_kick();
    }
    say_saved(Settings::save());
}

void Console::factory_reset() {
    Settings::erase();
    hal::watchdog_kick();
    Journal::erase();
    waiting_ = 0;
    say_ok();
}

} // namespace unolink
