// The signal LED. Called from the main loop only.
#pragma once

namespace hal {

// Switches the LED. Repeating the present state costs nothing that shows. Budget: 5 us.
void led_set(bool on);

} // namespace hal
