#include "core/node.h"

#include "core/counters.h"
#include "core/crc16.h"
#include "core/life.h" // this_life
#include "core/random.h"

namespace unolink {

namespace {

// Different for each device, by its key, and for each of its lives.
uint16_t seed() {
    const uint16_t of_key = crc16_of_eeprom(CRC16_START, Settings::address_of(Setting::Key), KEY_BYTES + 1);
    return static_cast<uint16_t>(of_key ^ this_life.boot);
}

bool has_value(const Reading& reading) {
    for (uint8_t i = 0; i < channel_count(); ++i) {
        if (reading.values[i] != NO_VALUE) {
            return true;
        }
    }
    return false;
}

} // namespace

void Node::begin(uint32_t now_ms) {
    random_begin(seed());
    backlog_.begin();
    session_.begin(now_ms);
    uplink_.begin(session_, backlog_);
}

void Node::add(const Reading& reading) {
    count(Counter::Sampled);
    // A row of nothing but null says nothing, and is no reading (docs/wire-protocol.md).
    if (!has_value(reading) || !backlog_.push(reading, uplink_.busy())) {
        count(Counter::Lost);
    }
}

void Node::poll(uint32_t now_ms) {
    session_.poll(now_ms);
    uplink_.poll(now_ms);
    backlog_.poll(now_ms);
}

bool Node::next_tx(uint8_t& byte) {
    const AtSession::Tx tx = session_.next_tx(byte);
    if (tx == AtSession::Tx::Payload) {
        byte = uplink_.next_payload_byte();
    }
    return tx != AtSession::Tx::Nothing;
}

Sign Node::sign() const {
    if (uplink_.refused()) {
        return Sign::Refused;
    }
    if (session_.linked()) {
        return Sign::Online;
    }
    const AtState state = session_.state();
    if (state == AtState::Connect || state == AtState::Close) {
        return Sign::Connecting;
    }
    return state >= AtState::EchoOff && state <= AtState::Join ? Sign::Joining : Sign::NoModem;
}

} // namespace unolink
