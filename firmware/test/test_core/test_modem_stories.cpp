// Whole dialogues between the node and a modem that troubles it: links, Wi-Fi, restarts, silence, versions.
// The modem speaks as the AT firmware 1.6 unless a story says otherwise.
#include "story.h"

#include "fake_board.h"

#include <doctest.h>

using unolink::counted;
using unolink::Counter;
using unolink::Sign;

namespace {

const std::string CONNECT = "AT+CIPSTART=4,\"TCP\",\"ingest.lan\",8080\r\n";
const std::string JOIN = "AT+CWJAP_CUR=\"unolink\",\"simulated\"\r\n";
const std::string CLOSE = "AT+CIPCLOSE=4\r\n";
const std::string FETCH = "AT+CIPRECVDATA=4,128\r\n";

} // namespace

TEST_CASE("a closed link before the answer: reconnect, and send the same reading again") {
    Story story;
    story.sample();
    story.bring_up();
    story.deliver();
    const std::string first = story.request;
    story.modem("4,CLOSED\r\n");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    story.exchange(204);
    CHECK(rows_of(first) == "0 ");
    CHECK(rows_of(story.request) == "0 ");
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 1 resets 0");
}

TEST_CASE("an answer that overtakes SEND OK or follows CLOSED still counts") {
    Story story;
    story.sample();
    story.bring_up();
    story.deliver();
    story.modem("4,CLOSED\r\n" + Story::ipd(story.response(204)));
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 0 resets 0");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    story.sample();
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n> ");
    story.request = story.host();
    story.modem(Story::ipd(story.response(204)) + "\r\nRecv 9 bytes\r\n\r\nSEND OK\r\n");
    CHECK(all_counted() == "acked 2 rejected 0 lost 0 retries 0 resets 0");
}

TEST_CASE("a link that dies while the modem takes the request: all announced bytes are still handed over") {
    Story story;
    story.sample();
    story.bring_up();
    const std::string command = story.host();
    story.modem("\r\nOK\r\n> 4,CLOSED\r\n");
    CHECK(command == "AT+CIPSEND=4," + std::to_string(story.host().size()) + "\r\n");
    story.modem("\r\nRecv 1 bytes\r\nSEND FAIL\r\n");
    CHECK(story.host() == CLOSE);
    story.modem("UNLINK\r\n\r\nERROR\r\n");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    story.exchange(204);
    CHECK(counted(Counter::Acked) == 1);
}

TEST_CASE("diagnoses lead where they point") {
    struct Row {
        const char* reply;
        std::string next;
    };
    const Row rows[] = {
        {"link is not valid\r\n\r\nERROR\r\n", CONNECT},
        {"no ip\r\n\r\nERROR\r\n", JOIN},
        {"WIFI DISCONNECT\r\n\r\nERROR\r\n", JOIN},
        {"\r\nERROR\r\n", CLOSE},
    };
    for (const Row& row : rows) {
        CAPTURE(row.reply);
        Story story;
        story.sample();
        story.bring_up();
        CHECK(is_send(story.host()));
        story.modem(row.reply);
        CHECK(story.host() == row.next);
    }
}

TEST_CASE("busy: the command is said again, and a late result code of another is not taken for its own") {
    Story story;
    CHECK(story.host() == "AT\r\n");
    story.modem("\r\nOK\r\n");
    CHECK(story.host() == "ATE0\r\n");
    story.modem("\r\nbusy p...\r\n");
    story.modem("\r\nERROR\r\n"); // of what the modem was busy with
    CHECK(story.host() == "ATE0\r\n");
    story.modem("\r\nOK\r\n");
    CHECK(story.host() == "AT+CWMODE_CUR=1\r\n");
}

TEST_CASE("a modem that restarts at any moment is brought up again, and the reading is sent again") {
    const char* const restarts[] = {"\r\nready\r\n", "\r\nSoft WDT reset\r\n\xe8\x80\xff\n\r\nready\r\n"};
    for (const char* restart : restarts) {
        for (int moment = 0; moment < 4; ++moment) {
            CAPTURE(moment);
            Story story;
            story.sample();
            story.bring_up();
            CHECK(is_send(story.host()));
            if (moment > 0) {
                story.modem("\r\nOK\r\n> ");
                story.host();
            }
            if (moment > 1) {
                story.modem("\r\nSEND OK\r\n");
            }
            if (moment > 2) {
                story.modem("\r\n+IPD,4,900:HTTP/1.1 200");
                story.wait(1100); // the rest never comes
            }
            story.modem(restart);
            CHECK(story.host() == "ATE0\r\n");
            story.modem("\r\nOK\r\n");
            for (int step = 0; step < 4; ++step) {
                story.host();
                story.modem(step == 2 ? "\r\nERROR\r\n" : "\r\nOK\r\n"); // active receive
            }
            CHECK(story.host() == CONNECT);
            story.modem("4,CONNECT\r\n\r\nOK\r\n");
            story.exchange(204);
            CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 1 resets 1");
        }
    }
}

TEST_CASE("lost Wi-Fi: join again") {
    Story story;
    story.bring_up();
    story.modem("WIFI DISCONNECT\r\n4,CLOSED\r\n");
    CHECK(story.host() == JOIN);
    CHECK(story.node.sign() == Sign::Joining);
    story.modem("WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n");
    CHECK(story.host() == CONNECT);
    CHECK(story.node.sign() == Sign::Connecting);
}

TEST_CASE("a failing join is repeated, and after enough failures the modem is reset") {
    Story story;
    story.host();
    for (int step = 0; step < 5; ++step) {
        story.modem("\r\nOK\r\n");
        story.host();
    }
    uint32_t span_ms = 250;
    for (int attempt = 0; attempt < 7; ++attempt) {
        story.modem("+CWJAP:3\r\n\r\nFAIL\r\n");
        const uint32_t failed_ms = story.now_ms;
        CHECK(story.host() == JOIN);
        CHECK(story.now_ms - failed_ms >= span_ms * 4 / 5); // longer each time
        span_ms = span_ms < 8000 / 2 ? span_ms * 2 : 8000;
    }
    story.modem("+CWJAP:3\r\n\r\nFAIL\r\n");
    CHECK(story.host() == "AT+RST\r\n");
    story.modem("\r\nOK\r\n\xe8\xe8\n\r\nready\r\n");
    CHECK(story.host() == "ATE0\r\n");
}

TEST_CASE("a silent modem is looked for in every way, and then its pin is pulled") {
    fake_board.modem_calls.clear();
    Story story;
    CHECK(story.host() == "AT\r\n");
    CHECK(story.host() == "+++");
    CHECK(story.host() == "AT\r\n");
    CHECK(story.node.sign() == Sign::NoModem);
    story.wait(6000);
    CHECK(fake_board.modem_calls.find("open 1 free open 2 free open 0 low free ") != std::string::npos);
    story.modem("\r\nready\r\n");
    CHECK(story.host() == "ATE0\r\n");
}

TEST_CASE("a modem that stays busy is reset") {
    Story story;
    std::string sent = story.host();
    int said = 0;
    for (; sent == "AT\r\n" && said < 1000; ++said) {
        story.modem("\r\nbusy p...\r\n");
        sent = story.host();
    }
    CHECK(sent == "AT+RST\r\n");
    CHECK(said == 200);
}

TEST_CASE("a command that takes long is nudged once") {
    Story story;
    story.sample();
    story.bring_up();
    story.exchange(204);
    story.modem("4,CLOSED\r\n");
    CHECK(story.host() == CONNECT);
    SUBCASE("the modem works on it: go on waiting") {
        CHECK(story.host() == "\r\n");
        story.modem("\r\nbusy p...\r\n");
        CHECK(story.wait(8000) == "");
        story.modem("4,CONNECT\r\n\r\nOK\r\n");
        story.sample();
        CHECK(is_send(story.host()));
    }
    SUBCASE("the modem waits for commands: say it again") {
        CHECK(story.host() == "\r\n");
        story.modem("\r\nERROR\r\n");
        CHECK(story.host() == CLOSE);
    }
}

TEST_CASE("silence after the request: the link is given up, and its late answer with it") {
    Story story;
    story.sample();
    story.bring_up();
    story.deliver();
    CHECK(story.host() == CLOSE);
    story.modem(Story::ipd(story.response(204)) + "4,CLOSED\r\n\r\nOK\r\n"); // too late
    CHECK(all_counted() == "acked 0 rejected 0 lost 0 retries 1 resets 0");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    story.exchange(204);
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 1 resets 0");
}

TEST_CASE("a garbled answer is no answer") {
    Story story;
    story.sample();
    story.bring_up();
    story.exchange_raw("HTTP/1.1 2\x80\x80 OK\r\n\r\n");
    CHECK(story.host() == CLOSE);
    CHECK(all_counted() == "acked 0 rejected 0 lost 0 retries 1 resets 0");
}

TEST_CASE("a missing SEND OK does not hold up an answered exchange for long") {
    Story story;
    story.sample();
    story.bring_up();
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n> ");
    story.request = story.host();
    story.modem(Story::ipd(story.response(204)));
    CHECK(counted(Counter::Acked) == 1);
    CHECK(story.host(1000) == CLOSE);
}

TEST_CASE("passive receive: what is announced is fetched, in pieces, and also after the link has ended") {
    Story story;
    story.sample();
    story.bring_up(true);
    story.deliver();
    const std::string padding = "X-Padding: " + std::string(100, 'p') + "\r\n";
    const std::string answer = story.response(204, padding);
    REQUIRE(answer.size() > 128);
    story.modem("\r\n+IPD,4," + std::to_string(answer.size()) + "\r\n");
    CHECK(story.host() == FETCH);
    story.modem("\r\n+CIPRECVDATA,128:" + answer.substr(0, 128) + "\r\nOK\r\n");
    CHECK(story.host() == FETCH);
    story.modem("\r\n+CIPRECVDATA," + std::to_string(answer.size() - 128) + ":" + answer.substr(128) +
                "\r\nOK\r\n");
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 0 resets 0");
    CHECK(story.wait(9000) == "");
    story.sample();
    story.deliver();
    const std::string last = story.response(204);
    story.modem("4,CLOSED\r\n"); // its announcement was lost
    CHECK(story.host() == FETCH);
    story.modem("\r\n+CIPRECVDATA," + std::to_string(last.size()) + ":" + last + "\r\nOK\r\n");
    CHECK(counted(Counter::Acked) == 2);
    CHECK(story.host() == CONNECT);
}

TEST_CASE("passive receive: an announcement that was lost is made up for by looking") {
    Story story;
    story.sample();
    story.bring_up(true);
    story.deliver();
    CHECK(story.host(3000) == FETCH);
    story.modem("\r\nOK\r\n"); // nothing yet
    CHECK(story.host(3000) == FETCH);
    const std::string answer = story.response(204);
    story.modem("\r\n+CIPRECVDATA," + std::to_string(answer.size()) + ":" + answer + "\r\nOK\r\n");
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 0 resets 0");
    CHECK(story.wait(20000) == "");
}

TEST_CASE("passive receive: a modem that announces without data is in it, whatever it has answered") {
    Story story;
    story.sample();
    story.bring_up(false); // it was in it before, and now it could not read the command
    story.deliver();
    const std::string answer = story.response(204);
    story.modem("\r\n+IPD,4," + std::to_string(answer.size()) + "\r\n");
    CHECK(story.host() == FETCH);
    story.modem("\r\n+CIPRECVDATA," + std::to_string(answer.size()) + ":" + answer + "\r\nOK\r\n");
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 0 resets 0");
}

TEST_CASE("requests that nobody answers lead to a reset of the modem") {
    Story story;
    story.sample();
    story.bring_up();
    for (int request = 1; request < 4; ++request) {
        story.deliver();
        CHECK(story.host() == CLOSE);
        story.modem("4,CLOSED\r\n\r\nOK\r\n");
        CHECK(story.host() == CONNECT);
        story.modem("4,CONNECT\r\n\r\nOK\r\n");
    }
    story.deliver();
    CHECK(story.host() == "AT+RST\r\n");
}

TEST_CASE("2.x: no _CUR, data by +CIPRECVDATA:n,") {
    Story story;
    story.sample();
    CHECK(story.host() == "AT\r\n");
    story.modem("AT\r\n\r\nOK\r\n");
    CHECK(story.host() == "ATE0\r\n");
    story.modem("ATE0\r\n\r\nOK\r\n");
    CHECK(story.host() == "AT+CWMODE_CUR=1\r\n");
    story.modem("\r\nERROR\r\n");
    CHECK(story.host() == "AT+SYSSTORE=0\r\n");
    story.modem("\r\nOK\r\n");
    CHECK(story.host() == "AT+CWMODE=1\r\n");
    story.modem("\r\nOK\r\n");
    CHECK(story.host() == "AT+CIPMUX=1\r\n");
    story.modem("\r\nOK\r\n");
    CHECK(story.host() == "AT+CIPRECVMODE=1\r\n");
    story.modem("\r\nOK\r\n");
    CHECK(story.host() == "AT+CWJAP=\"unolink\",\"simulated\"\r\n");
    story.modem("WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n\r\n>");
    story.request = story.host();
    const std::string answer = story.response(204);
    story.modem("\r\nRecv 9 bytes\r\n\r\n+IPD,4," + std::to_string(answer.size()) + "\r\n\r\nSEND OK\r\n");
    CHECK(story.host() == FETCH);
    story.modem("+CIPRECVDATA:" + std::to_string(answer.size()) + "," + answer + "\r\nOK\r\n");
    CHECK(all_counted() == "acked 1 rejected 0 lost 0 retries 0 resets 0");
}
