#include "core/hmac.h"

#include "core/settings.h"
#include "hal/eeprom.h" // eeprom_read

#include <string.h> // memcpy

namespace unolink {

void Hmac::feed(TextCursor& text) {
    for (uint8_t byte = 0; text.next(byte);) {
        feed(byte);
    }
}

void Hmac::feed(const char* flash_text) {
    TextCursor text;
    text.load(flash_text);
    feed(text);
}

void Hmac::finish(uint8_t* tag) {
    uint8_t digest[Sha256::DIGEST_BYTES];
    hash_.finish(digest);
    begin_hash(0x5c);
    for (const uint8_t byte : digest) {
        feed(byte);
    }
    hash_.finish(digest);
    memcpy(tag, digest, TAG_BYTES);
}

void Hmac::begin_hash(uint8_t pad) {
    hash_.begin();
    const uint16_t key_address = Settings::address_of(Setting::Key) + 1;
    for (uint8_t i = 0; i < Sha256::BLOCK_BYTES; ++i) {
        const uint8_t key_byte = i < KEY_BYTES ? hal::eeprom_read(key_address + i) : 0;
        feed(key_byte ^ pad);
    }
}

} // namespace unolink
