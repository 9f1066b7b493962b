// Wires the portable node to the board. Everything that decides anything is in lib/core; everything that
// touches a register is in src/uno.

#include "config.h"

#include "core/boot_counter.h" // raise_boot_counter
#include "core/node.h"         // Node
#include "hal/analog.h"
#include "hal/clock.h"
#include "hal/idle.h"
#include "hal/led.h"
#include "hal/uart.h"

#include <Arduino.h> // setup, loop

using unolink::Config;
using unolink::Counters;
using unolink::Node;

// A debugger or simulator finds the life signs by this name in the image's symbol table.
extern "C" {
__attribute__((used, externally_visible)) volatile Counters unolink_counters;
}

namespace {

constexpr uint32_t MODEM_BAUD = 115200;

const Config CONFIG = {WIFI_SSID, WIFI_PASSWORD, SERVER_HOST, SERVER_PORT, DEVICE_ID, SAMPLE_INTERVAL_MS};

// Without a number never used before, the server could not tell this life's readings from an earlier one's.
uint32_t boot_number() {
    uint32_t boot = 0;
    while (unolink::raise_boot_counter(boot) != unolink::Err::None) {
        hal::led_set(true); // steadily on: the EEPROM is worn out
    }
    hal::led_set(false);
    return boot;
}

Node& node() {
    static Node instance(CONFIG, boot_number(), unolink_counters, hal::clock_ms());
    return instance;
}

void sample(uint32_t now_ms) {
    uint16_t values[unolink::CHANNEL_COUNT];
    for (uint8_t channel = 0; channel < unolink::CHANNEL_COUNT; ++channel) {
        values[channel] = hal::analog_read(channel);
    }
    node().add_sample(values, now_ms);
}

} // namespace

void setup() {
    hal::uart_open(MODEM_BAUD);
    node();
}

void loop() {
    const uint32_t now_ms = hal::clock_ms();
    uint8_t byte = 0;
    while (hal::uart_read(byte)) {
        node().receive(byte, now_ms);
    }
    node().poll(now_ms);
    if (node().sample_due(now_ms)) {
        sample(now_ms);
    }
    while (hal::uart_write_room() > 0 && node().next_tx(byte)) {
        hal::uart_write(byte);
    }
    hal::led_set(unolink::led_on(node().sign(), now_ms));
    hal::idle_until_event();
}
