// Whole dialogues between the node and a modem, as the AT firmware 1.7 speaks unless a story says otherwise.
#include "story.h"

#include <doctest.h>

namespace {

std::string counted(const Story& story) {
    const unolink::Counters& c = story.counters;
    return "acked " + std::to_string(c.acked) + " rejected " + std::to_string(c.rejected) + " dropped " +
           std::to_string(c.dropped) + " retries " + std::to_string(c.retries) + " resets " +
           std::to_string(c.modem_resets);
}

const std::string CONNECT = "AT+CIPSTART=4,\"TCP\",\"ingest.lan\",8080\r\n";
const std::string JOIN = "AT+CWJAP_CUR=\"unolink\",\"simulated\"\r\n";
const std::string CLOSE = "AT+CIPCLOSE=4\r\n";

bool is_send(const std::string& command) {
    return command.substr(0, 13) == "AT+CIPSEND=4,";
}

} // namespace

TEST_CASE("the first reading is acknowledged and forgotten, at any pace and across the wrap of the clock") {
    for (const Pace pace : {Pace::AllAtOnce, Pace::ByteByByte}) {
        for (const uint32_t start_ms : {0u, 0xFFFFFFFFu - 900u, 0xFFFFFFFFu - 1400u}) {
            CAPTURE(start_ms);
            Story story(pace, start_ms);
            story.sample();
            story.bring_up();
            story.exchange(acknowledgement(0));
            CHECK(counted(story) == "acked 1 rejected 0 dropped 0 retries 0 resets 0");
            CHECK(story.wait(30000) == ""); // nothing left to send, and the connection is kept
            story.sample();
            story.exchange(acknowledgement(1));
            CHECK(counted(story) == "acked 2 rejected 0 dropped 0 retries 0 resets 0");
        }
    }
}

TEST_CASE("boot noise and the banner do not disturb, and ready starts the dialogue at once") {
    Story story;
    story.modem(std::string(300, '\xe8') + "\n>\x80\r\n" + std::string(2, '\0') + "\r\nready\r\n");
    CHECK(story.host(100) == "ATE0\r\n");
    CHECK(story.counters.modem_resets == 1);
}

TEST_CASE("an answer may arrive in several pieces, and before SEND OK") {
    Story story;
    story.sample();
    story.bring_up();
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n\r\n>"); // as 2.x prints it
    const size_t request_bytes = story.host().size();
    const std::string answer = acknowledgement(0);
    story.modem(Story::ipd(answer.substr(0, 20)) + "\r\nRecv " + std::to_string(request_bytes) +
                " bytes\r\n");
    story.modem(Story::ipd(answer.substr(20)) + "\r\n\r\nSEND OK\r\n");
    CHECK(counted(story) == "acked 1 rejected 0 dropped 0 retries 0 resets 0");
    CHECK(story.wait(20000) == "");
}

TEST_CASE("what the server says decides about the reading") {
    struct Row {
        int status;
        const char* counts;
        bool sends_again;
    };
    const Row rows[] = {
        {400, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {413, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {422, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {401, "acked 0 rejected 0 dropped 0 retries 0 resets 0", false},
        {403, "acked 0 rejected 0 dropped 0 retries 0 resets 0", false},
        {404, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {405, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {415, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {200, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true}, // the body names another reading
        {302, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {409, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {429, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {500, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
        {503, "acked 0 rejected 0 dropped 0 retries 1 resets 0", true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.status);
        Story story;
        story.sample();
        story.sample();
        story.bring_up();
        story.exchange(response(row.status, "{\"boot\":3,\"acked\":[77]}"));
        CHECK(counted(story) == row.counts);
        CHECK(is_send(story.host(1000)) == row.sends_again);
        CHECK((story.node.sign() == unolink::Sign::Stopped) == !row.sends_again);
    }
}

TEST_CASE("a reading is dropped when the server has rejected it three times in a row, and no other one") {
    for (const int status : {400, 413, 422}) {
        CAPTURE(status);
        Story story;
        story.sample();
        story.sample();
        story.bring_up();
        for (const int answer : {status, status, 503, status, status, status}) {
            CHECK(counted(story).find("rejected 0") != std::string::npos);
            story.exchange(response(answer, "{}"));
        }
        CHECK(counted(story) == "acked 0 rejected 1 dropped 0 retries 5 resets 0");
        story.exchange(response(status, "{}"));
        story.exchange(acknowledgement(1));
        CHECK(counted(story) == "acked 1 rejected 1 dropped 0 retries 6 resets 0");
    }
}

TEST_CASE("a stopped node keeps sampling, and counts what it cannot keep") {
    Story story;
    story.sample();
    story.bring_up();
    story.exchange(response(401, ""));
    for (int i = 0; i < 30; ++i) {
        story.sample();
    }
    CHECK(story.wait(20000) == "");
    CHECK(story.counters.sampled == 31);
    CHECK(story.counters.dropped == 31 - unolink::ReadingQueue::CAPACITY);
}

TEST_CASE("a server in trouble is asked again, later each time, over the same connection") {
    Story story;
    story.sample();
    story.bring_up();
    std::string pauses_ms;
    for (int attempt = 0; attempt < 7; ++attempt) {
        story.exchange(response(503, "{}"));
        const uint32_t answered_ms = story.now_ms;
        std::string command;
        while (command.empty()) {
            command = story.wait(1);
        }
        CHECK(is_send(command));
        pauses_ms += std::to_string(story.now_ms - answered_ms) + " ";
        story.modem("\r\nbusy p...\r\n"); // so that the next exchange() sees the command again
    }
    CHECK(pauses_ms == "250 500 1000 2000 4000 8000 8000 ");
    story.exchange(acknowledgement(0));
    CHECK(counted(story) == "acked 1 rejected 0 dropped 0 retries 7 resets 0");
}

TEST_CASE("a closed link before the answer: reconnect, and send the same reading again") {
    Story story;
    story.sample();
    story.bring_up();
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n> ");
    const std::string first = story.host();
    story.modem("\r\nRecv 1 bytes\r\n\r\nSEND OK\r\n4,CLOSED\r\n");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n> ");
    const std::string second = story.host();
    CHECK(first.find("\"seq\":0,") != std::string::npos);
    CHECK(second.find("\"seq\":0,") != std::string::npos);
    story.modem("\r\nSEND OK\r\n" + Story::ipd(acknowledgement(0)));
    CHECK(counted(story) == "acked 1 rejected 0 dropped 0 retries 1 resets 0");
}

TEST_CASE("an answer that overtakes or follows CLOSED still counts") {
    Story story;
    story.sample();
    story.bring_up();
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n> ");
    story.host();
    story.modem("\r\nSEND OK\r\n4,CLOSED\r\n" + Story::ipd(acknowledgement(0)));
    CHECK(counted(story) == "acked 1 rejected 0 dropped 0 retries 0 resets 0");
    CHECK(story.host() == CONNECT);
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
    story.exchange(acknowledgement(0));
    CHECK(story.counters.acked == 1);
}

TEST_CASE("diagnoses lead where they point") {
    struct Row {
        const char* reply;
        std::string next;
    };
    const Row rows[] = {
        {"link is not valid\r\n\r\nERROR\r\n", CONNECT},
        {"no ip\r\n\r\nERROR\r\n", JOIN},
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

TEST_CASE("a link that is open already is closed first") {
    Story story;
    CHECK(story.host() == "AT\r\n");
    story.modem("\r\nOK\r\n");
    for (int step = 0; step < 4; ++step) {
        story.host();
        story.modem("\r\nOK\r\n");
    }
    CHECK(story.host() == CONNECT);
    story.modem("ALREADY CONNECTED\r\n\r\nERROR\r\n");
    CHECK(story.host() == CLOSE);
    story.modem("4,CLOSED\r\n\r\nOK\r\n");
    CHECK(story.host() == CONNECT);
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
            for (int step = 0; step < 5; ++step) {
                story.modem("\r\nOK\r\n");
                story.host();
            }
            story.modem("\r\nOK\r\n> ");
            story.host();
            story.modem("\r\nSEND OK\r\n" + Story::ipd(acknowledgement(0)));
            CHECK(counted(story) == "acked 1 rejected 0 dropped 0 retries 1 resets 1");
        }
    }
}

TEST_CASE("lost Wi-Fi: join again") {
    Story story;
    story.bring_up();
    story.modem("WIFI DISCONNECT\r\n4,CLOSED\r\n");
    CHECK(story.host() == JOIN);
    story.modem("WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n");
    CHECK(story.host() == CONNECT);
}

TEST_CASE("a failing join is repeated, and after enough failures the modem is reset") {
    Story story;
    story.host();
    for (int step = 0; step < 4; ++step) {
        story.modem("\r\nOK\r\n");
        story.host();
    }
    for (int attempt = 0; attempt < 7; ++attempt) {
        story.modem("+CWJAP:3\r\n\r\nFAIL\r\n");
        CHECK(story.host() == JOIN);
    }
    story.modem("+CWJAP:3\r\n\r\nFAIL\r\n");
    CHECK(story.host() == "AT+RST\r\n");
    story.modem("\r\nOK\r\n\xe8\xe8\n\r\nready\r\n");
    CHECK(story.host() == "ATE0\r\n");
}

TEST_CASE("a silent modem is probed, and an open data phase is cancelled") {
    Story story;
    CHECK(story.host() == "AT\r\n");
    CHECK(story.host() == "+++");
    story.modem("\r\nSEND Canceled\r\n");
    CHECK(story.host() == "AT\r\n");
    CHECK(story.wait(60000).find("AT+RST\r\n") != std::string::npos);
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

TEST_CASE("silence after the request: the link is given up, and its late answer with it") {
    Story story;
    story.sample();
    story.bring_up();
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n> ");
    story.host();
    story.modem("\r\nSEND OK\r\n");
    CHECK(story.host() == CLOSE);
    story.modem(Story::ipd(acknowledgement(0)) +
                "4,CLOSED\r\n\r\nOK\r\n"); // too late: the attempt has been given up
    CHECK(counted(story) == "acked 0 rejected 0 dropped 0 retries 1 resets 0");
    CHECK(story.host() == CONNECT);
    story.modem("4,CONNECT\r\n\r\nOK\r\n");
    story.exchange(acknowledgement(0));
    CHECK(counted(story) == "acked 1 rejected 0 dropped 0 retries 1 resets 0");
}

TEST_CASE("a garbled answer is no answer") {
    Story story;
    story.sample();
    story.bring_up();
    story.exchange("HTTP/1.1 2\x80\x80 OK\r\n\r\n");
    CHECK(story.host() == CLOSE);
    CHECK(counted(story) == "acked 0 rejected 0 dropped 0 retries 1 resets 0");
}

TEST_CASE("a missing SEND OK does not hold up an answered exchange for long") {
    Story story;
    story.sample();
    story.sample();
    story.bring_up();
    CHECK(is_send(story.host()));
    story.modem("\r\nOK\r\n> ");
    story.host();
    story.modem(Story::ipd(acknowledgement(0)));
    CHECK(story.counters.acked == 1);
    CHECK(story.host(1000) == CLOSE);
}
