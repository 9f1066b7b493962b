// A node, a clock and a modem that says what the test tells it to say.
//
// A story is a list of lines like CHECK(story.host() == "AT\r\n"); story.modem("\r\nOK\r\n"); time passes
// only while the story waits for the host, or while the modem's bytes arrive one by one.
#pragma once

#include "core/counters.h"
#include "core/life.h"
#include "core/node.h"

#include <string>

// How many milliseconds pass after each byte of the modem.
enum class Pace : uint8_t { AllAtOnce = 0, ByteByByte = 1 };

// Sets a node up: Wi-Fi `unolink`, server `ingest.lan:8080`, device `uno-7f3a`, key 0 to 31.
void story_settings();

// What `counter` says.
std::string counter_text(unolink::Counter counter);

class Story {
  public:
    explicit Story(Pace pace = Pace::AllAtOnce, uint32_t start_ms = 0);

    // The modem prints `bytes`.
    void modem(const std::string& bytes);

    // Waits until the host sends something, at most `limit_ms`, and returns all that it sends at once.
    std::string host(uint32_t limit_ms = 60000);

    // Lets time pass and returns what the host sent meanwhile.
    std::string wait(uint32_t duration_ms);

    // The board takes a sample: A0 = 512, A1 = 300.
    void sample();

    // From power-up to an open link, with every answer as it should be, on a modem of 1.7 or 1.6.
    void bring_up(bool passive = false);

    // The host sends its oldest readings, and the modem delivers them.
    void deliver();

    // ... and the server answers with `status` and a tag that is right. `headers` end with a line end each.
    void exchange(int status, const std::string& headers = "");

    // ... and answers `response`.
    void exchange_raw(const std::string& response);

    // A response with the right tag for the request that was sent last.
    std::string response(int status, const std::string& headers = "") const;

    // An +IPD announcement on link 4 with `data`.
    static std::string ipd(const std::string& data);

    uint32_t now_ms;
    unolink::Node node = {};
    std::string request; // the last one

  private:
    std::string collect();
    void step();

    Pace pace_;
    uint32_t next_seq_ = 0;
};

constexpr uint32_t STORY_BOOT = 3;

// The tag of a text under the story's key.
std::string story_tag(const std::string& text);

// What a cursor produces.
std::string text_of(unolink::TextCursor& cursor);

// The counters as a text.
std::string all_counted();

// Does a request begin with this?
bool is_send(const std::string& command);

// The seqs of the rows of a request.
std::string rows_of(const std::string& request);
