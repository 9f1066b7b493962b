#include "core/base64url.h"

namespace unolink {

char base64url_character(uint8_t bits) {
    if (bits < 26) {
        return static_cast<char>('A' + bits);
    }
    if (bits < 52) {
        return static_cast<char>('a' + bits - 26);
    }
    if (bits < 62) {
        return static_cast<char>('0' + bits - 52);
    }
    return bits == 62 ? '-' : '_';
}

uint8_t base64url_bits(char character) {
    for (uint8_t bits = 0; bits < 64; ++bits) {
        if (base64url_character(bits) == character) {
            return bits;
        }
    }
    return NOT_BASE64URL;
}

} // namespace unolink
