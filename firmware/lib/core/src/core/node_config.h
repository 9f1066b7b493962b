// What a running node knows of its settings without looking into the EEPROM.
#pragma once

#include "core/life.h"
#include "core/sensors.h" // ChannelMask
#include "core/settings.h"

#include <stdint.h>

namespace unolink {

struct NodeConfig {
    const Settings* settings;
    Life life;
    ChannelMask channels;
};

} // namespace unolink
