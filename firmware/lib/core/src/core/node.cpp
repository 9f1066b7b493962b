#include "core/node.h"

namespace unolink {

bool Node::next_tx(uint8_t& byte) {
    const AtSession::Tx tx = session_.next_tx(byte);
    if (tx == AtSession::Tx::Payload) {
        byte = uplink_.next_payload_byte();
    }
    return tx != AtSession::Tx::Nothing;
}

void Node::add_sample(const uint16_t* values, uint32_t now_ms) {
    Reading reading;
    reading.seq = sampler_.take(now_ms);
    reading.sampled_at_ms = now_ms;
    for (uint8_t channel = 0; channel < CHANNEL_COUNT; ++channel) {
        reading.values[channel] = values[channel];
    }
    count(counters_.sampled);
    if (queue_.push(reading) != Err::None) {
        count(counters_.dropped);
    }
}

Sign Node::sign() const {
    if (uplink_.stopped()) {
        return Sign::Stopped;
    }
    return session_.linked() ? Sign::Online : Sign::Joining;
}

} // namespace unolink
