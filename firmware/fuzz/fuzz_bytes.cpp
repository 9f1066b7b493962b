// What may come from the modem, a server or a cable, taken apart by everything that reads bytes. A libFuzzer
// target:
//
//   clang++ -std=gnu++14 -g -O1 -fsanitize=fuzzer,address,undefined ... (make fuzzbytes drives it without)
//
// The first byte chooses the reader. What must hold: no reader reads or writes where it should not, none
// forgets that time passes, and a node comes to a request again once the modem behaves.
#include "core/at_parser.h"
#include "core/console.h"
#include "core/http_response.h"
#include "core/journal.h"
#include "core/life.h"
#include "core/node.h"
#include "fake_board.h"

#include <stdlib.h> // abort
#include <string.h> // memcpy

using namespace unolink;

namespace {

void must(bool holds) {
    if (!holds) {
        abort();
    }
}

void feed_parser(const uint8_t* bytes, size_t count) {
    AtParser parser = {};
    for (size_t i = 0; i < count; ++i) {
        const AtEvent event = parser.feed(bytes[i]);
        must(event.kind != AtKind::Data || event.byte == bytes[i]);
    }
    parser.abandon_data();
    for (const char byte : {'\n', '\r', '\n', 'O', 'K', '\r'}) {
        parser.feed(static_cast<uint8_t>(byte));
    }
    must(parser.feed('\n').kind == AtKind::Ok);
}

void feed_response(const uint8_t* bytes, size_t count) {
    HttpResponse response;
    response.begin();
    for (size_t i = 0; i < count; ++i) {
        response.feed(bytes[i]);
    }
    must(response.state() != HttpResponse::State::Complete ||
         (response.status() >= 200 && response.status() < 600));
}

void feed_console(const uint8_t* bytes, size_t count) {
    fake_eeprom.erase();
    fake_board.console.clear();
    Settings::begin();
    Settings::begin_draft();
    Console console = {};
    console.begin(0, 0);
    for (size_t i = 0; i < count && i < 2000; ++i) {
        console.receive(bytes[i], 0);
    }
    Settings::begin();
    must(!Settings::complete() || (Settings::has(Setting::Key) && Settings::has(Setting::WifiSsid)));
}

// Whatever the EEPROM holds, what it gives is what a checksum vouches for.
void look_at_eeprom(const uint8_t* bytes, size_t count) {
    fake_eeprom.erase();
    memcpy(fake_eeprom.bytes, bytes, count < sizeof fake_eeprom.bytes ? count : sizeof fake_eeprom.bytes);
    Settings::begin();
    use_channels(3);
    Journal journal = {};
    journal.begin();
    Reading reading;
    for (uint8_t i = 0; i < journal.size(); ++i) {
        journal.get(i, reading);
    }
    must(begin_life(hal::ResetCause::Power) == Err::None || this_life.boot == 0);
}

void torment_node(const uint8_t* bytes, size_t count) {
    fake_eeprom.erase();
    Settings::begin();
    Settings::begin_draft();
    Settings::store_text(Setting::WifiSsid, "n", 1);
    Settings::store_text(Setting::ServerHost, "h", 1);
    Settings::store_text(Setting::Device, "d", 1);
    Settings::store_text(Setting::Key, "0123456789abcdef0123456789abcdef", KEY_BYTES);
    must(Settings::save() == Err::None);
    this_life = {1, {}};
    use_channels(3);
    const uint32_t acked_before = counted(Counter::Acked);
    Node node = {};
    node.begin(0);
    node.add({1, 0, 0, {1, 2}});
    uint32_t now_ms = 0;
    for (size_t i = 0; i < count; ++i) {
        if (bytes[i] == 0xFE) { // time passes
            now_ms += 400;
        } else {
            node.receive(bytes[i], now_ms);
        }
        node.poll(++now_ms);
        for (uint8_t byte = 0; node.next_tx(byte);) {
        }
    }
    must(counted(Counter::Acked) == acked_before); // nobody can sign here
    must(node.waiting() == 1);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    void (*const readers[])(const uint8_t*, size_t) = {feed_parser, feed_response, feed_console,
                                                       look_at_eeprom, torment_node};
    if (size > 0) {
        readers[data[0] % (sizeof readers / sizeof readers[0])](data + 1, size - 1);
    }
    return 0;
}
