#include "core/node.h"

#include "core/crc16.h"

namespace unolink {

namespace {

// Different for each device, by its key, and for each of its lives.
uint16_t seed_of(const NodeConfig& config) {
    const uint16_t of_key =
        crc16_of_eeprom(CRC16_START, config.settings->address_of(Setting::Key), KEY_BYTES + 1);
    return static_cast<uint16_t>(of_key ^ config.life.boot);
}

} // namespace

bool Node::has_value(const Reading& reading) const {
    for (uint8_t i = 0; i < channel_count(channels_); ++i) {
        if (reading.values[i] != NO_VALUE) {
            return true;
        }
    }
    return false;
}

Node::Node(const NodeConfig& config, volatile Counters& counters, uint32_t now_ms)
    : counters_(counters), channels_(config.channels), random_(seed_of(config)),
      backlog_(config.life.boot, config.channels), session_(*config.settings, random_, counters, now_ms),
      uplink_(config, session_, backlog_, random_, counters) {}

void Node::add(const Reading& reading) {
    count(counters_.sampled);
    // A row of nothing but null says nothing, and is no reading (docs/wire-protocol.md).
    if (!has_value(reading) || !backlog_.push(reading, uplink_.busy())) {
        count(counters_.lost);
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
