// The dialogue that sets a node up over its cable: docs/provisioning.md.
//
// One line in, at least one line out; nothing else runs meanwhile, so it may wait: for the EEPROM, and for
// the line to take its answer. Secrets go in and never come out.
#pragma once

#include "core/settings.h"

#include "core/rare.h"

#include <stdint.h>

namespace unolink {

class Console {
  public:
    // Without a line for this long it asks for a restart: a node that was left open goes back to work.
    static constexpr uint32_t IDLE_LIMIT_MS = 300000;

    // Starts. `waiting` is how many readings are in the journal. Before, all of it is zero.
    void begin(uint8_t waiting, uint32_t now_ms) {
        waiting_ = waiting;
        last_line_ms_ = now_ms;
    }

    // Says who is here.
    UNOLINK_RARE void greet();

    // Takes a byte of the line; at the end of a command, does it and answers. Takes up to 4 s.
    UNOLINK_RARE __attribute__((noinline)) void receive(uint8_t byte, uint32_t now_ms);

    // Is the node to start anew?
    bool restart_asked(uint32_t now_ms) const;

    // Says which settings are missing: of a node that is not set up, from time to time.
    UNOLINK_RARE static void complain();

  private:
    static constexpr uint8_t LINE_MAX = 100;

    enum class Command : uint8_t { Greet, Help, Show, Set, Save, Status, Restart, FactoryReset, Unknown };

    void run();
    Command command() const;
    static void help();
    void show();
    void show_setting(Setting setting);
    void tell_status();
    void set();
    void save();
    void factory_reset();

    uint8_t waiting_;
    uint32_t last_line_ms_;
    uint8_t length_; // of the line; more than LINE_MAX: it was too long
    bool restart_;
    char line_[LINE_MAX + 1];
};

} // namespace unolink
