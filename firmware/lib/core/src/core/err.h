// Error codes of the portable part. Negative, so that a count and an error can share one return value.
#pragma once

#include <stdint.h>

#define UNOLINK_MUST_CHECK __attribute__((warn_unused_result))

namespace unolink {

enum class Err : int8_t {
    None = 0,
    Full = -1,    // no room; nothing was changed
    Corrupt = -2, // stored bytes fail their checksum, or read back differently
};

} // namespace unolink
