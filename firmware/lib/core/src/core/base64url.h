// base64url without padding (RFC 4648, section 5): six bits a character.
#pragma once

#include <stdint.h>

namespace unolink {

// The character for `bits`, 0 to 63.
char base64url_character(uint8_t bits);

// The bits for `character`, or NOT_BASE64URL.
uint8_t base64url_bits(char character);
constexpr uint8_t NOT_BASE64URL = 0xFF;

} // namespace unolink
