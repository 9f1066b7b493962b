// A node, a clock and a modem that says what the test tells it to say.
//
// A story is a list of lines like CHECK(story.host() == "AT\r\n"); story.modem("\r\nOK\r\n"); time passes
// only while the story waits for the host, or while the modem's bytes arrive one by one.
#pragma once

#include "core/node.h"

#include <string>

// How many milliseconds pass after each byte of the modem.
enum class Pace : uint8_t { AllAtOnce = 0, ByteByByte = 1 };

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

    // From power-up to an open link, with every answer as it should be.
    void bring_up();

    // The host sends the oldest reading, the modem delivers it, and the server answers `response`.
    void exchange(const std::string& response);

    // An +IPD announcement on link 4 with `data`.
    static std::string ipd(const std::string& data);

    uint32_t now_ms;
    unolink::Counters counters = {};
    unolink::Node node;

  private:
    std::string collect();
    void step();

    Pace pace_;
};

extern const unolink::Config STORY_CONFIG;
constexpr uint32_t STORY_BOOT = 3;

// A response that acknowledges reading `seq` of STORY_BOOT.
std::string acknowledgement(uint32_t seq);

// Status line, Content-Length and `body`.
std::string response(int status, const std::string& body);
