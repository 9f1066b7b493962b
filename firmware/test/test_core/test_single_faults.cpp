// One byte of the modem's output goes wrong, at every position of the dialogue from power-up to the second
// acknowledgement: both readings are still acknowledged, and soon.
//
// The modem here answers commands by itself, so that the story may take any turn. It is a few lines of what
// AT 1.7 does, and no more than these stories need.
#include "story.h"

#include <doctest.h>

using unolink::counted;
using unolink::Counter;

namespace {

enum class Fault : uint8_t { Drop, Garble, LineEnd, Double, Prompt };

const Fault FAULTS[] = {Fault::Drop, Fault::Garble, Fault::LineEnd, Fault::Double, Fault::Prompt};

constexpr size_t NO_FAULT = SIZE_MAX;
constexpr uint32_t READINGS = 2;
constexpr uint32_t LIMIT_MS = 120000;

class AnsweringModem {
  public:
    AnsweringModem(Story& story, bool knows_passive, Fault fault, size_t position)
        : story_(story), knows_passive_(knows_passive), fault_(fault), position_(position) {}

    // Takes what the host sent without a pause.
    void receive(const std::string& sent) {
        if (data_left_ > 0 && sent == "+++") {
            data_left_ = 0;
            print("\r\nSEND Canceled\r\n");
            return;
        }
        for (const char byte : sent) {
            receive_byte(byte);
        }
    }

    size_t printed_bytes() const { return printed_; }
    uint32_t faulted_at_ms() const { return faulted_at_ms_; }

  private:
    void receive_byte(char byte) {
        if (data_left_ > 0) {
            data_ += byte;
            if (--data_left_ == 0) {
                answer_request();
            }
            return;
        }
        if (echo_) {
            print(std::string(1, byte));
        }
        line_ += byte;
        if (byte == '\n') {
            const std::string line =
                line_.substr(line_.find("AT") == std::string::npos ? 0 : line_.find("AT"));
            line_.clear();
            print(reply_to(line));
        }
    }

    std::string reply_to(const std::string& line) {
        const std::string ok = "\r\nOK\r\n";
        const std::string error = "\r\nERROR\r\n";
        if (line == "AT+RST\r\n") {
            echo_ = true;
            joined_ = linked_ = passive_ = false;
            return ok + "\xe8\x80\n\r\nready\r\n";
        }
        if (line == "ATE0\r\n") {
            echo_ = false;
            return ok;
        }
        if (line == "AT+CIPRECVMODE=1\r\n") {
            passive_ = knows_passive_;
            return knows_passive_ ? ok : error;
        }
        if (line == "AT+CIPRECVDATA=4,128\r\n" && passive_) {
            const std::string piece = answer_.substr(0, 128);
            answer_.erase(0, piece.size());
            return piece.empty() ? linked_ ? ok : error
                                 : "\r\n+CIPRECVDATA," + std::to_string(piece.size()) + ":" + piece + ok;
        }
        if (line == "AT+CIPMUX=1\r\n" && linked_) {
            return "link is builded\r\n" + error;
        }
        if (line.find("AT+CWJAP_CUR=") == 0) {
            const std::string lost = linked_ ? "WIFI DISCONNECT\r\n4,CLOSED\r\n" : "";
            linked_ = false;
            joined_ = true;
            return lost + "WIFI CONNECTED\r\nWIFI GOT IP\r\n" + ok;
        }
        if (line.find("AT+CIPSTART=4,") == 0) {
            if (!joined_ || linked_) {
                return (linked_ ? "ALREADY CONNECTED\r\n" : "no ip\r\n") + error;
            }
            linked_ = true;
            return "4,CONNECT\r\n" + ok;
        }
        if (line == "AT+CIPCLOSE=4\r\n") {
            const bool was_linked = linked_;
            linked_ = false;
            return was_linked ? "4,CLOSED\r\n" + ok : "UNLINK\r\n" + error;
        }
        if (line.find("AT+CIPSEND=4,") == 0) {
            if (!linked_) {
                return "link is not valid\r\n" + error;
            }
            data_.clear();
            data_left_ = std::stoul(line.substr(13));
            return ok + "> ";
        }
        return line == "AT\r\n" || line == "AT+CWMODE_CUR=1\r\n" || line == "AT+CIPMUX=1\r\n" ? ok : error;
    }

    void answer_request() {
        if (data_.find("uno-7f3a:") == std::string::npos || data_.find("]]") == std::string::npos) {
            print("\r\nRecv 1 bytes\r\n\r\nSEND OK\r\n4,CLOSED\r\n"); // no request: the server hangs up
            linked_ = false;
            return;
        }
        story_.request = data_;
        answer_ = story_.response(204);
        print("\r\nRecv 1 bytes\r\n\r\nSEND OK\r\n");
        print(passive_ ? "\r\n+IPD,4," + std::to_string(answer_.size()) + "\r\n" : Story::ipd(answer_));
    }

    void print(const std::string& bytes) {
        for (const char byte : bytes) {
            story_.modem(printed_++ == position_ ? faulty(byte) : std::string(1, byte));
        }
    }

    std::string faulty(char byte) {
        faulted_at_ms_ = story_.now_ms;
        switch (fault_) {
        case Fault::Drop:
            return "";
        case Fault::Garble:
            return "\x80";
        case Fault::LineEnd:
            return "\n";
        case Fault::Double:
            return std::string(2, byte);
        case Fault::Prompt:
            break;
        }
        return std::string(">") + byte;
    }

    Story& story_;
    bool knows_passive_;
    Fault fault_;
    size_t position_;
    size_t printed_ = 0;
    uint32_t faulted_at_ms_ = 0;
    std::string line_;
    std::string data_;
    size_t data_left_ = 0;
    bool echo_ = true;
    bool joined_ = false;
    bool linked_ = false;
    bool passive_ = false;
    std::string answer_; // what has not been fetched
};

struct Outcome {
    bool all_acknowledged;
    uint32_t recovery_ms; // from the fault to the last acknowledgement
    size_t printed_bytes;
};

Outcome run(bool passive, Fault fault, size_t position) {
    Story story;
    AnsweringModem modem(story, passive, fault, position);
    for (uint32_t taken = 0; counted(Counter::Acked) < READINGS && story.now_ms < LIMIT_MS;) {
        if (taken <= counted(Counter::Acked) && taken < READINGS) { // so that each goes alone
            story.sample();
            ++taken;
        }
        modem.receive(story.wait(1));
    }
    return {counted(Counter::Acked) == READINGS, story.now_ms - modem.faulted_at_ms(), modem.printed_bytes()};
}

} // namespace

TEST_CASE("one wrong byte anywhere costs time, and no reading") {
    for (const bool passive : {false, true}) {
        CAPTURE(passive);
        const Outcome canonical = run(passive, Fault::Drop, NO_FAULT);
        REQUIRE(canonical.all_acknowledged);
        std::string lost;
        uint32_t worst_ms = 0;
        for (const Fault fault : FAULTS) {
            for (size_t position = 0; position < canonical.printed_bytes; ++position) {
                const Outcome outcome = run(passive, fault, position);
                if (!outcome.all_acknowledged) {
                    lost += std::to_string(static_cast<int>(fault)) + "@" + std::to_string(position) + " ";
                } else if (outcome.recovery_ms > worst_ms) {
                    worst_ms = outcome.recovery_ms;
                }
            }
        }
        CHECK(lost == "");
        CHECK(canonical.printed_bytes > 290);
        CHECK(worst_ms <= 30000);
    }
}
