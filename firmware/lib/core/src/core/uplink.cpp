#include "core/uplink.h"

namespace unolink {

namespace {

// From AT+CIPSEND to the end of the response: the modem's send may take 10 s on a bad link, and the server
// answers in ms.
constexpr uint16_t EXCHANGE_TIMEOUT_MS = 15000;
// Some AT versions (1.3 to 1.5) report CLOSED before they deliver the last data.
constexpr uint16_t LATE_DATA_MS = 300;
// Rejections of one reading, one after the other, that are believed. The UART has no checksum.
constexpr uint8_t REJECTION_LIMIT = 3;

enum class Verdict : uint8_t { Drop, Stop, Keep };

Verdict verdict_of(uint16_t status) {
    switch (status) {
    case 400: // malformed
    case 413: // too large
    case 422: // well formed, but not acceptable
        return Verdict::Drop;
    case 401: // who are you
    case 403: // not you
        return Verdict::Stop;
    default:
        return Verdict::Keep;
    }
}

} // namespace

void Uplink::poll(uint32_t now_ms) {
    if (!in_exchange_) {
        if (!stopped_ && !queue_.empty() && session_.online() && timer_.expired(now_ms)) {
            begin(now_ms);
        }
        return;
    }
    const HttpResponse::State state = response_.state();
    if (state == HttpResponse::State::Complete) {
        conclude(now_ms);
    } else if (state == HttpResponse::State::Garbled || timer_.expired(now_ms)) {
        if (!link_lost_) {
            session_.drop_link(now_ms); // where the next response would begin on it is unknown
        }
        retry(now_ms);
    } else if (!session_.linked() && !link_lost_) {
        link_lost_ = true;
        timer_.start(LATE_DATA_MS, now_ms);
    }
}

void Uplink::begin(uint32_t now_ms) {
    const Reading& reading = queue_.front();
    request_.begin(config_, boot_, reading, now_ms);
    response_.begin(boot_, reading.seq);
    session_.send(request_.length_bytes(), now_ms);
    timer_.start(EXCHANGE_TIMEOUT_MS, now_ms);
    in_exchange_ = true;
    link_lost_ = false;
}

void Uplink::conclude(uint32_t now_ms) {
    session_.answered(now_ms);
    const Verdict verdict = verdict_of(response_.status());
    if (response_.acknowledged()) {
        forget(counters_.acked, now_ms);
    } else if (verdict == Verdict::Drop && ++rejections_ >= REJECTION_LIMIT) {
        forget(counters_.rejected, now_ms);
    } else if (verdict == Verdict::Stop) {
        stopped_ = true;
        in_exchange_ = false;
    } else {
        if (verdict == Verdict::Keep) {
            rejections_ = 0;
        }
        retry(now_ms);
    }
}

void Uplink::forget(volatile uint32_t& counter, uint32_t now_ms) {
    queue_.pop();
    count(counter);
    rejections_ = 0;
    backoff_.reset();
    timer_.start(0, now_ms);
    in_exchange_ = false;
}

void Uplink::retry(uint32_t now_ms) {
    count(counters_.retries);
    timer_.start(backoff_.next_ms(), now_ms);
    in_exchange_ = false;
}

uint8_t Uplink::next_payload_byte() {
    uint8_t byte = 0;
    if (!request_.next(byte)) {
        byte = ' '; // the session counts as the request does, so this is never sent
    }
    return byte;
}

} // namespace unolink
