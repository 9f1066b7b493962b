#include "core/dht22.h"

#include "core/sensors.h" // NO_VALUE
#include "hal/dht22.h"

namespace unolink {

namespace {

constexpr uint8_t PULL_MS = 4;   // counted; the Arduino clock skips, so 2 of them may be 1 ms, the least
constexpr uint8_t ANSWER_MS = 8; // 40 bits of at most 120 us, and the greeting: 5.2 ms
constexpr uint8_t ANSWER_BYTES = 5;
constexpr int16_t HUMIDITY_MAX = 1000;
constexpr int16_t TEMPERATURE_MIN = -400;
constexpr int16_t TEMPERATURE_MAX = 1250;

enum class Phase : uint8_t { Idle, Pulling, Listening };

Phase phase = Phase::Idle;
uint8_t phase_began_ms; // the low byte is enough
int16_t values[2];      // of the last answer

int16_t within(int16_t value, int16_t least, int16_t greatest) {
    return value >= least && value <= greatest ? value : NO_VALUE;
}

void take_answer() {
    uint8_t bytes[ANSWER_BYTES];
    const bool whole = hal::dht22_take(bytes);
    values[DHT22_TEMPERATURE] = NO_VALUE;
    values[DHT22_HUMIDITY] = NO_VALUE;
    if (!whole || static_cast<uint8_t>(bytes[0] + bytes[1] + bytes[2] + bytes[3]) != bytes[4]) {
        return;
    }
    const int16_t magnitude = static_cast<int16_t>((bytes[2] & 0x7F) << 8 | bytes[3]);
    const int16_t temperature = (bytes[2] & 0x80) != 0 ? static_cast<int16_t>(-magnitude) : magnitude;
    const int16_t humidity = static_cast<int16_t>((bytes[0] & 0x7F) << 8 | bytes[1]);
    values[DHT22_TEMPERATURE] = within(temperature, TEMPERATURE_MIN, TEMPERATURE_MAX);
    values[DHT22_HUMIDITY] = within(humidity, 0, HUMIDITY_MAX);
}

} // namespace

void dht22_begin(uint32_t now_ms) {
    if (phase == Phase::Idle) {
        hal::dht22_pull();
        phase = Phase::Pulling;
        phase_began_ms = static_cast<uint8_t>(now_ms);
    }
}

bool dht22_done(uint32_t now_ms) {
    const uint8_t waited_ms = static_cast<uint8_t>(now_ms) - phase_began_ms;
    if (phase == Phase::Pulling && waited_ms >= PULL_MS) {
        hal::dht22_release();
        phase = Phase::Listening;
        phase_began_ms = static_cast<uint8_t>(now_ms);
    } else if (phase == Phase::Listening && waited_ms >= ANSWER_MS) {
        take_answer();
        phase = Phase::Idle;
    }
    return phase == Phase::Idle;
}

int16_t dht22_read(uint8_t input) {
    return values[input];
}

} // namespace unolink
