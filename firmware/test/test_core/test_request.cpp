// The request byte for byte, and its signatures: the vectors of docs/wire-protocol.md and FIPS 180-4.
#include "core/counters.h"
#include "core/life.h"
#include "core/request.h"
#include "core/sha256.h"

#include "fake_board.h"
#include "story.h"

#include <doctest.h>
#include <string>

using namespace unolink;

namespace {

std::string hex(const uint8_t* bytes, int count) {
    const char digits[] = "0123456789abcdef";
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

std::string sha256_of(const std::string& message) {
    Sha256 hash;
    hash.begin();
    for (const char byte : message) {
        hash.feed(static_cast<uint8_t>(byte));
    }
    uint8_t digest[Sha256::DIGEST_BYTES];
    hash.finish(digest);
    return hex(digest, Sha256::DIGEST_BYTES);
}

std::string all_of(Request& request) {
    while (request.sign_step()) {
    }
    std::string sent;
    for (uint8_t byte = 0; request.next(byte);) {
        sent += static_cast<char>(byte);
    }
    CHECK(request.length_bytes() == sent.size());
    return sent;
}

std::string body_of(const std::string& request) {
    return request.substr(request.find("\r\n\r\n") + 4);
}

struct Bench {
    explicit Bench(uint32_t boot, ChannelMask channels = 3) {
        story_settings();
        this_life = {boot, {1, 2, 3, 4}};
        use_channels(channels);
        backlog.begin();
        request.begin(backlog);
    }

    Backlog backlog = {};
    Request request = {};
};

void set_counters(std::initializer_list<uint32_t> values) {
    const uint32_t* value = values.begin();
    for (volatile uint32_t& counter : unolink_counters) {
        counter = *value++;
    }
}

} // namespace

TEST_CASE("SHA-256 of known messages, and at every length around a block") {
    CHECK(sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    // the digest of the digests of 0 to 199 times 'a', from another implementation
    std::string all;
    for (int length = 0; length < 200; ++length) {
        all += sha256_of(std::string(length, 'a'));
    }
    CHECK(sha256_of(all) == "019f2b9f1af27a53a1f046da7e98af2c179f431e4b5bebb000e74040917a4123");
}

TEST_CASE("the first test vector: request, tag, and the tags of its answers") {
    Bench bench(3);
    bench.backlog.push({3, 17, 5000, {512, 1023}}, false);
    bench.request.start(1, 5000);
    const std::string sent = all_of(bench.request);
    CHECK(sent == "POST /v1/readings HTTP/1.1\r\nHost: ingest.lan:8080\r\n"
                  "Authorization: Unolink uno-7f3a:MhH7_h0uPUAaLcX4_EyDsQ\r\nContent-Length: 62\r\n\r\n"
                  "{\"boot\":3,\"channels\":[\"a0\",\"a1\"],\"readings\":[[17,0,512,1023]]}");
    CHECK(bench.request.answered_by(204, "I-MD9kgJr9aTaznOwrKo5A"));
    CHECK(bench.request.answered_by(422, "N1__z3_zI6XGTpObYJnnzg"));
    CHECK_FALSE(bench.request.answered_by(422, "I-MD9kgJr9aTaznOwrKo5A"));
    CHECK_FALSE(bench.request.answered_by(204, "I-MD9kgJr9aTaznOwrKo5B"));
    CHECK_FALSE(bench.request.answered_by(204, "J-MD9kgJr9aTaznOwrKo5A"));
    CHECK_FALSE(bench.request.answered_by(204, nullptr));
    std::string accepted;
    for (size_t bit = 0; bit < 22 * 8; ++bit) {
        std::string tag = "I-MD9kgJr9aTaznOwrKo5A";
        tag[bit / 8] ^= static_cast<char>(1 << bit % 8);
        accepted += bench.request.answered_by(204, tag.c_str()) ? std::to_string(bit) + " " : "";
    }
    CHECK(accepted == "");
}

TEST_CASE("ages across the wrap of the clock; none for readings of an earlier start") {
    Bench bench(3);
    bench.backlog.push({3, 17, 0xFFFFFFF0u, {512, 300}}, false);
    bench.request.start(1, 104);
    CHECK(body_of(all_of(bench.request)) ==
          "{\"boot\":3,\"channels\":[\"a0\",\"a1\"],\"readings\":[[17,120,512,300]]}");
    bench.backlog.save_all();
    this_life.boot = 4;
    bench.backlog = {};
    bench.backlog.begin();
    bench.request.start(1, 999);
    CHECK(body_of(all_of(bench.request)) ==
          "{\"boot\":3,\"channels\":[\"a0\",\"a1\"],\"readings\":[[17,null,512,300]]}");
}

TEST_CASE("a batch, values with units and decimals, and values that are none") {
    Bench bench(1, 1 << 0 | 1 << 6 | 1 << 12 | 1 << 13);
    bench.backlog.push({1, 0, 0, {1023, 1023, 215, 401}}, false);
    bench.backlog.push({1, 1, 10, {0, 0, -5, 1000}}, false);
    bench.backlog.push({1, 2, 20, {1, 1, NO_VALUE, NO_VALUE}}, false);
    bench.backlog.push({1, 3, 20, {512, 512, -400, 0}}, false);
    bench.request.start(4, 30);
    CHECK(
        body_of(all_of(bench.request)) ==
        "{\"boot\":1,\"channels\":[\"a0\",\"a0_mv\",\"temp_c\",\"humidity_pc\"],\"readings\":["
        "[0,30,1023,5000,21.5,40.1],[1,20,0,0,-0.5,100.0],[2,10,1,5,null,null],[3,10,512,2502,-40.0,0.0]]}");
}

TEST_CASE("a status follows the readings, as it was when the request began") {
    Bench bench(3);
    bench.backlog.push({3, 0, 0, {1, 2}}, false);
    set_counters({1, 2, 3, 4, 5, 6, 7});
    bench.request.start(1, 0);
    bench.request.add_status();
    set_counters({0, 0, 0, 0, 0, 0, 0});
    CHECK(body_of(all_of(bench.request)) ==
          "{\"boot\":3,\"channels\":[\"a0\",\"a1\"],\"readings\":[[0,0,1,2]],\"status\":{\"resets_power\":1,"
          "\"resets_pin\":2,\"resets_brownout\":3,\"resets_watchdog\":4,\"at_errors\":7,\"modem_resets\":6,"
          "\"retries\":5,\"lost\":4,\"rejected\":3,\"stack_free\":600}}");
}

TEST_CASE("the longest request that can be stays below what an ESP8266 sends at once") {
    Bench bench(4294967295u, 0x3FFF);
    Reading reading = {4294967295u, 4294967295u, 1, {}};
    for (int16_t& value : reading.values) {
        value = 1023;
    }
    for (int row = 0; row < 4; ++row) {
        bench.backlog.push(reading, false);
    }
    set_counters({~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u});
    bench.request.start(4, 0);
    bench.request.add_status();
    CHECK(all_of(bench.request).size() < 2048 - 64 - 32); // with the longest host and device
}
