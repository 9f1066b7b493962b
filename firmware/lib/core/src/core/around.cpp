#include "core/around.h"

namespace unolink {

uint8_t parts_of(uint16_t whole, uint8_t part) {
    uint8_t count = 0;
    for (; whole >= part; whole -= part) {
        ++count;
    }
    return count;
}

} // namespace unolink
