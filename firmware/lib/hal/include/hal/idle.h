// Rest between events. Called from the main loop only, as its last act.
#pragma once

namespace hal {

// Stops the processor until an interrupt comes, and returns at once if a received byte is already waiting. A
// clock tick counts as an interrupt, so it returns within about 1 ms.
void idle_until_event();

} // namespace hal
