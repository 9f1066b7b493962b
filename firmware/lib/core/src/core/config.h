// What the portable part has to be told. The strings must outlive it.
#pragma once

#include <stdint.h>

namespace unolink {

struct Config {
    const char* wifi_ssid;       // at most 32 characters
    const char* wifi_password;   // at most 64 characters; empty for an open network
    const char* server_host;     // name or IPv4 address, at most 64 characters
    uint16_t server_port;        // 1 to 65535
    const char* device_id;       // letters, digits, dot, dash, underscore: it goes into JSON as it is
    uint32_t sample_interval_ms; // at least 1
};

} // namespace unolink
