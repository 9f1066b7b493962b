#include "core/uplink.h"

namespace unolink {

constexpr uint8_t Uplink::BATCH_MAX;
constexpr uint8_t Uplink::REFUSAL_LIMIT;

namespace {

// From AT+CIPSEND to the end of the response: the modem's send may take 10 s on a bad link, and the server
// answers in ms.
constexpr uint16_t EXCHANGE_TIMEOUT_MS = 15000;
// Some AT versions (1.3 to 1.5) report CLOSED before they deliver the last data.
constexpr uint16_t LATE_DATA_MS = 300;
constexpr uint16_t BACKOFF_FIRST = 1000 / Backoff::UNIT_MS;
constexpr uint16_t BACKOFF_MOST = 300000 / Backoff::UNIT_MS;
constexpr uint32_t REFUSED_WAIT_MS = 300000;
constexpr uint16_t RETRY_AFTER_MAX_S = 3600;
constexpr uint32_t STATUS_INTERVAL_MS = 3600000;
// Values in a request, so that it stays below the 2,048 bytes that an ESP8266 sends at once: 10 rows of 6
// channels, 4 of 14.
constexpr uint8_t BATCH_VALUES_MAX = 60;

} // namespace

void Uplink::poll(uint32_t now_ms) {
    switch (phase_) {
    case Phase::Idle:
        if (backlog_->size() > 0 && session_->online() && timer_.expired(now_ms)) {
            begin_request(now_ms);
        }
        break;
    case Phase::Signing:
        if (!session_->online()) {
            phase_ = Phase::Idle;
        } else if (!request_.sign_step()) {
            phase_ = Phase::Exchange;
            session_->send(request_.length_bytes());
            timer_.start(EXCHANGE_TIMEOUT_MS, now_ms);
        }
        break;
    case Phase::Exchange:
        poll_exchange(now_ms);
        break;
    }
}

void Uplink::begin_request(uint32_t now_ms) {
    const uint8_t rows = batch_size();
    if (rows == 0) { // the oldest is damaged
        backlog_->pop();
        count(Counter::Lost);
        return;
    }
    request_.start(rows, now_ms);
    if (status_timer_.expired(now_ms)) {
        request_.add_status();
    }
    response_.begin();
    phase_ = Phase::Signing;
    link_lost_ = false;
}

// How many readings go together: undamaged ones of one start.
uint8_t Uplink::batch_size() {
    Reading reading;
    uint8_t rows = 0;
    const uint8_t fitting = parts_of(BATCH_VALUES_MAX, channel_count());
    const uint8_t limit = alone_ ? 1 : fitting < BATCH_MAX ? fitting : BATCH_MAX;
    while (rows < limit && rows < backlog_->size() && backlog_->get(rows, reading) &&
           (rows == 0 || reading.boot == boot_)) {
        boot_ = reading.boot;
        last_seq_ = reading.seq;
        ++rows;
    }
    return rows;
}

void Uplink::poll_exchange(uint32_t now_ms) {
    const HttpResponse::State state = response_.state();
    if (state == HttpResponse::State::Complete) {
        conclude(now_ms);
    } else if (state == HttpResponse::State::Garbled || timer_.expired(now_ms)) {
        if (!link_lost_) {
            session_->unanswered();
        }
        back_off(now_ms);
    } else if (!session_->linked() && !link_lost_) {
        link_lost_ = true;
        timer_.start(LATE_DATA_MS, now_ms);
    }
}

void Uplink::conclude(uint32_t now_ms) {
    session_->answered();
    if (!response_.framed()) {
        session_->drop_link();
    }
    const uint16_t status = response_.status();
    const bool refused_key = status == 401 || status == 403;
    refusals_ = !refused_key ? 0 : refused() ? refusals_ : refusals_ + 1;
    const bool settles = status == 204 || status == 400 || status == 413 || status == 422;
    if (settles && request_.answered_by(status, response_.tag())) {
        settle(status == 204, now_ms);
        return;
    }
    const uint16_t asked_s = response_.retry_after_s();
    if (refused()) {
        retry(random_around(REFUSED_WAIT_MS), now_ms);
    } else if ((status == 429 || status == 503) && asked_s != HttpResponse::NO_RETRY_AFTER) {
        const uint32_t wait_s = asked_s < RETRY_AFTER_MAX_S ? asked_s : RETRY_AFTER_MAX_S;
        retry(random_around(wait_s * 1000), now_ms);
    } else {
        back_off(now_ms);
    }
}

// A batch that was rejected is taken apart, so that one bad reading takes no other with it.
void Uplink::settle(bool accepted, uint32_t now_ms) {
    if (accepted) {
        if (request_.has_status()) {
            status_timer_.start(STATUS_INTERVAL_MS, now_ms);
        }
        forget(Counter::Acked, now_ms);
    } else if (request_.rows() == 1) {
        forget(Counter::Rejected, now_ms);
    } else {
        alone_ = true;
        alone_until_seq_ = last_seq_;
        retry(0, now_ms);
    }
}

void Uplink::forget(Counter counter, uint32_t now_ms) {
    for (uint8_t row = request_.rows(); row > 0; --row) {
        backlog_->pop();
        count(counter);
    }
    alone_ = alone_ && last_seq_ < alone_until_seq_;
    backoff_.reset();
    timer_.start(0, now_ms);
    phase_ = Phase::Idle;
}

void Uplink::retry(uint32_t wait_ms, uint32_t now_ms) {
    count(Counter::Retries);
    timer_.start(wait_ms, now_ms);
    phase_ = Phase::Idle;
}

void Uplink::back_off(uint32_t now_ms) {
    retry(backoff_.next_ms(BACKOFF_FIRST, BACKOFF_MOST), now_ms);
}

uint8_t Uplink::next_payload_byte() {
    uint8_t byte = 0;
    if (!request_.next(byte)) {
        byte = ' '; // the session counts as the request does, so this is never sent
    }
    return byte;
}

} // namespace unolink
