// Wires the portable parts to the board. Everything that decides anything is in lib/core; everything that
// touches a register is in src/uno.
//
// A life of the board is one of two things: a node that samples and sends, or an open console. It begins as a
// node if it has its settings, and as somebody who asks for them if not; the line that opens the console ends
// either, and only a restart leads back.

#include "core/console.h" // Console
#include "core/knock.h"   // Knock
#include "core/life.h"    // begin_life
#include "core/node.h"    // Node
#include "core/sampler.h"
#include "core/settings.h"
#include "core/timer.h"
#include "hal/clock.h"
#include "hal/console.h"
#include "hal/idle.h"
#include "hal/led.h"
#include "hal/modem.h"
#include "hal/watchdog.h"

#include <stddef.h> // size_t

using unolink::Console;
using unolink::Knock;
using unolink::Node;
using unolink::Reading;
using unolink::Sampler;
using unolink::Setting;
using unolink::Settings;
using unolink::Sign;
using unolink::Timer;

// avr-libc has no <new>.
inline void* operator new(size_t, void* place) {
    return place;
}

namespace {

constexpr uint16_t COMPLAINT_INTERVAL_MS = 10000;

enum class Work : uint8_t { Asking, Sampling, Talking };

Knock knock;
Timer complaint_timer;
Work work = Work::Asking;

struct Sensing {
    Sampler sampler;
    Node node;
};

// One of them at a time.
union Worker {
    Sensing sensing;
    Console console;
} the_worker;

// The compiler must not see which place this is: it would give each access its full address (LDS and STS, 4
// bytes) in place of an offset from a pointer (LDD and STD, 2 bytes). That is 600 bytes of flash.
Worker& worker() {
    Worker* place = &the_worker;
    asm("" : "+r"(place));
    return *place;
}

// Without a number never used before, the server could not tell this life's readings from an earlier one's.
void begin_life() {
    const hal::ResetCause cause = hal::reset_cause();
    while (unolink::begin_life(cause) != unolink::Err::None) {
        hal::led_set(true); // steadily on: the EEPROM is worn out
        hal::watchdog_kick();
    }
    hal::led_set(false);
}

void begin_work(uint32_t now_ms) {
    Settings::begin();
    if (!Settings::complete()) {
        Settings::begin_draft(); // so that it can be asked what is missing
        return;
    }
    unolink::use_channels(static_cast<unolink::ChannelMask>(Settings::number(Setting::Channels)));
    new (&worker().sensing) Sensing();
    worker().sensing.sampler.begin(Settings::number(Setting::IntervalMs), now_ms);
    worker().sensing.node.begin(now_ms);
    work = Work::Sampling;
}

void open_console(uint32_t now_ms) {
    uint8_t waiting = 0;
    if (work == Work::Sampling) {
        worker().sensing.node.save_backlog();
        waiting = worker().sensing.node.waiting();
    }
    new (&worker().console) Console();
    worker().console.begin(waiting, now_ms);
    work = Work::Talking;
    worker().console.greet();
}

void ask(uint32_t now_ms) {
    if (complaint_timer.expired(now_ms)) {
        Console::complain();
        complaint_timer.start(COMPLAINT_INTERVAL_MS, now_ms);
    }
}

void sample_and_send(uint32_t now_ms) {
    Reading reading;
    if (worker().sensing.sampler.poll(now_ms, reading)) {
        worker().sensing.node.add(reading);
    }
    worker().sensing.node.poll(now_ms);
    uint8_t byte = 0;
    while (hal::modem_write_room() > 0 && worker().sensing.node.next_tx(byte)) {
        hal::modem_write(byte);
    }
}

// Takes a byte of the console's line. On a shared line it is the modem's, too.
void take_console_byte(uint8_t byte, uint32_t now_ms) {
    if (work == Work::Talking) {
        worker().console.receive(byte, now_ms);
        return;
    }
    const bool may_open =
        !hal::CONSOLE_IS_MODEM_LINE || work == Work::Asking || !worker().sensing.node.was_connected();
    if (knock.feed(byte) && may_open) {
        open_console(now_ms);
    } else if (hal::CONSOLE_IS_MODEM_LINE && work == Work::Sampling) {
        worker().sensing.node.receive(byte, now_ms);
    }
}

void take_bytes(uint32_t now_ms) {
    uint8_t byte = 0;
    while (hal::console_read(byte)) {
        take_console_byte(byte, now_ms);
    }
    while (!hal::CONSOLE_IS_MODEM_LINE && hal::modem_read(byte)) {
        if (work == Work::Sampling) {
            worker().sensing.node.receive(byte, now_ms);
        }
    }
}

// Not a part of main(), which the linker puts apart from all that is called here.
__attribute__((noinline)) void go_round() {
    const uint32_t now_ms = hal::clock_ms();
    hal::watchdog_kick();
    take_bytes(now_ms);
    Sign sign = Sign::NotSetUp;
    if (work == Work::Asking) {
        ask(now_ms);
    } else if (work == Work::Sampling) {
        sample_and_send(now_ms);
        sign = worker().sensing.node.sign();
    } else if (worker().console.restart_asked(now_ms)) {
        hal::restart();
    }
    hal::led_set(unolink::led_on(sign, now_ms));
    hal::idle_until_event();
}

} // namespace

// It never ends, so it need not leave registers as they were.
__attribute__((OS_main)) int main() {
    hal::clock_start();
    hal::watchdog_start();
    hal::modem_open(0);
    begin_life();
    begin_work(hal::clock_ms());
    for (;;) {
        go_round();
    }
}
