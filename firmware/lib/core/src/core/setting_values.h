// Settings as texts: their names, and what their values may be.
#pragma once

#include "core/rare.h"
#include "core/sensors.h" // ChannelMask
#include "core/settings.h"
#include "core/text.h" // Found

#include <stdint.h>

namespace unolink {

// The name of a setting, in program memory.
UNOLINK_RARE const char* setting_name(Setting setting);

// Which setting `text` begins with: by its place, or SETTING_COUNT.
UNOLINK_RARE Found find_setting(const char* text);

// Stores a text as the draft's value of a setting; an empty one takes it away or gives it its default.
// Null: done. Else a text in program memory that says what a value may be; nothing was changed.
UNOLINK_RARE const char* store_value(Setting setting, const char* value);

// Calls `say` with the name of each channel in use and with the commas between them, all in program memory.
void for_each_channel_name(void (*say)(const char* flash_text));

} // namespace unolink
