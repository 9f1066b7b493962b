// Characters of protocols: ASCII only, no locale.
#pragma once

namespace unolink {

inline bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

// An upper-case letter as its lower-case one; anything else as it is.
inline char to_lower(char character) {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character | 0x20) : character;
}

} // namespace unolink
