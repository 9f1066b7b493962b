#include "core/sha256.h"

#include "hal/flash.h" // HAL_FLASH, flash_copy

#include <string.h> // memcpy, memmove

namespace unolink {

constexpr uint8_t Sha256::BLOCK_BYTES;
constexpr uint8_t Sha256::DIGEST_BYTES;

namespace {

// SHA-256 takes and gives the bytes of a word from the most significant one on. An AVR keeps them the other
// way round: byte i of a word is byte i ^ SWAP in memory.
constexpr uint8_t SWAP = 3;
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as the AVR keeps its words");

// FIPS 180-4, 5.3.3.
const uint32_t INITIAL[8] HAL_FLASH = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// FIPS 180-4, 4.2.2.
const uint32_t ROUND[64] HAL_FLASH = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

__attribute__((noinline)) uint32_t rotate_right(uint32_t value, uint8_t bits) {
    do {
        value = value >> 1 | value << 31;
    } while (--bits > 0);
    return value;
}

// FIPS 180-4, 4.1.2: each function of one word is the sum (by bits) of three copies of it, turned by
// `second`, by `first` more, and either shifted by `third`, or all of them turned by `third` more.
constexpr uint8_t SHIFT = 0x80;
__attribute__((noinline)) uint32_t mixed(const uint32_t& word, uint8_t first, uint8_t second, uint8_t third) {
    const uint32_t value = rotate_right(rotate_right(word, first) ^ word, second);
    if ((third & SHIFT) != 0) {
        return value ^ word >> (third & 15);
    }
    return rotate_right(value ^ word, third);
}

__attribute__((noinline)) void add(uint32_t value, uint32_t& to) {
    to += value;
}

// Of each bit: the first of `two` where `which` is 1, the second where it is 0.
__attribute__((noinline)) uint32_t choice(const uint32_t& which, const uint32_t* two) {
    return ((two[0] ^ two[1]) & which) ^ two[1];
}

uint32_t flash_word(const uint32_t& word) {
    uint32_t value;
    hal::flash_copy(value, word);
    return value;
}

} // namespace

void Sha256::begin() {
    hal::flash_copy(state_, INITIAL);
    length_bytes_ = 0;
}

void Sha256::feed(uint8_t byte) {
    reinterpret_cast<uint8_t*>(words_)[(length_bytes_ % BLOCK_BYTES) ^ SWAP] = byte;
    ++length_bytes_;
    if (length_bytes_ % BLOCK_BYTES == 0) {
        compress();
    }
}

void Sha256::finish(uint8_t* digest) {
    const uint32_t length_bits = static_cast<uint32_t>(length_bytes_) * 8;
    feed(0x80);
    while (length_bytes_ % BLOCK_BYTES != BLOCK_BYTES - 8) {
        feed(0);
    }
    words_[14] = 0;
    words_[15] = length_bits;
    compress();
    for (uint8_t i = 0; i < DIGEST_BYTES; ++i) {
        digest[i] = reinterpret_cast<const uint8_t*>(state_)[i ^ SWAP];
    }
}

// FIPS 180-4, 6.2.2, with the variables a to h in one array that is turned by one place a round. A word of
// the message is replaced by that of 16 rounds later as soon as it is used.
void Sha256::compress() {
    uint32_t v[9];
    memcpy(v + 1, state_, sizeof state_);
    for (uint8_t round = 0; round < 64; ++round) {
        uint32_t& word = word_at(round);
        uint32_t& sum = v[8];
        add(word, sum);
        add(flash_word(ROUND[round]), sum);
        add(mixed(v[5], 14, 5, 6), sum);
        add(choice(v[5], v + 6), sum);
        add(sum, v[4]);
        add(mixed(v[1], 9, 11, 2), sum);
        v[0] = ~(v[1] ^ v[2]);
        add(choice(v[0], v + 2), sum);
        v[0] = sum;
        memmove(v + 1, v, sizeof state_);
        add(word_at(round + 9), word);
        add(mixed(word_at(round + 1), 11, 7, SHIFT | 3), word);
        add(mixed(word_at(round + 14), 2, 17, SHIFT | 10), word);
    }
    for (uint8_t i = 0; i < 8; ++i) {
        add(v[i + 1], state_[i]);
    }
}

uint32_t& Sha256::word_at(uint8_t round) {
    return words_[round & 15];
}

} // namespace unolink
