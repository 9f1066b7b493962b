// Settings as texts: their names, and what their values may be.
#pragma once

#include "core/sensors.h" // ChannelMask
#include "core/settings.h"

#include <stdint.h>

namespace unolink {

// The name of a setting, in program memory.
const char* setting_name(Setting setting);

// Stores a text as the draft's value of a setting; an empty one takes it away or gives it its default.
// Null: done. Else a text in program memory that says what a value may be; nothing was changed.
const char* store_value(Settings& draft, Setting setting, const char* value);

// Calls `say` with each channel's name and with the commas between them, all in program memory.
void for_each_channel_name(ChannelMask channels, void (*say)(const char* flash_text));

} // namespace unolink
