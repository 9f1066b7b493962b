// What the modem may print, and what the parser makes of it. Every case stands alone, behind boot noise, and
// before junk.
#include "core/at_parser.h"

#include <doctest.h>
#include <string>

using unolink::AtEvent;
using unolink::AtKind;
using unolink::AtParser;

namespace {

const char* name_of(AtKind kind) {
    switch (kind) {
    case AtKind::None:
        return "None";
    case AtKind::Ok:
        return "Ok";
    case AtKind::Error:
        return "Error";
    case AtKind::Prompt:
        return "Prompt";
    case AtKind::SendOk:
        return "SendOk";
    case AtKind::SendFail:
        return "SendFail";
    case AtKind::Busy:
        return "Busy";
    case AtKind::Ready:
        return "Ready";
    case AtKind::Crash:
        return "Crash";
    case AtKind::WifiDisconnected:
        return "WifiDisconnected";
    case AtKind::Connected:
        return "Connected";
    case AtKind::Closed:
        return "Closed";
    case AtKind::NoIp:
        return "NoIp";
    case AtKind::LinkInvalid:
        return "LinkInvalid";
    case AtKind::LinkTaken:
        return "LinkTaken";
    case AtKind::GotIp:
        return "GotIp";
    case AtKind::Notice:
        return "Notice";
    case AtKind::Data:
        return "Data";
    }
    return "?";
}

std::string link_text(uint8_t link) {
    return link == AtParser::NO_LINK ? "-" : link == AtParser::FETCHED ? "fetched" : std::to_string(link);
}

// Events as text: `Ok`, `Closed(4)`, and received data as `4<bytes>`.
std::string events_of(AtParser& parser, const std::string& bytes) {
    std::string events;
    bool in_data = false;
    for (const char byte : bytes) {
        const AtEvent event = parser.feed(static_cast<uint8_t>(byte));
        if (event.kind == AtKind::Data) {
            if (!in_data) {
                events += " " + link_text(event.link) + "<";
            }
            events += static_cast<char>(event.byte);
            in_data = parser.in_data();
            events += in_data ? "" : ">";
        } else if (event.kind != AtKind::None) {
            events += std::string(" ") + name_of(event.kind);
            events += event.link == AtParser::NO_LINK ? "" : "(" + std::to_string(event.link) + ")";
        }
    }
    return events;
}

struct Case {
    const char* bytes;
    const char* events;
};

const Case CASES[] = {
    // result codes
    {"\r\nOK\r\n", " Ok"},
    {"\r\nERROR\r\n", " Error"},
    {"+CWJAP:3\r\n\r\nFAIL\r\n", " Error"},
    {"\r\nSEND OK\r\n", " SendOk"},
    {"SEND FAIL\r\n", " SendFail"},
    {"\r\nSEND FAIL\r\n", " SendFail"},
    {"\r\nbusy p...\r\n", " Busy"},
    {"\r\nbusy s...\r\n", " Busy"},
    {"\r\nRecv 112 bytes\r\n", ""},
    // the echo of a command, as 1.3 and 1.4 print it
    {"AT\r\r\n\r\nOK\r\n", " Ok"},
    {"ATE0\r\n\r\nOK\r\n", " Ok"},
    // the prompt, as 1.x and 2.x print it
    {"\r\nOK\r\n> ", " Ok Prompt"},
    {"\r\nOK\r\n\r\n>", " Ok Prompt"},
    // unsolicited lines
    {"\r\nready\r\n", " Ready"},
    {"\r\nAi-Thinker Technology Co. Ltd.\r\n\r\nready\r\n", " Ready"},
    {"\r\nSoft WDT reset\r\n", " Crash"},
    {"\r\nwdt reset\r\n", " Crash"},
    {"Fatal exception (28):\r\nepc1=0x40100000\r\n", " Crash"},
    {"WIFI CONNECTED\r\nWIFI GOT IP\r\n", " GotIp"},
    {"WIFI DISCONNECT\r\n", " WifiDisconnected"},
    {"4,CONNECT\r\n\r\nOK\r\n", " Connected(4) Ok"},
    {"4,CONNECT FAIL\r\n\r\nERROR\r\n", " Error"},
    {"4,CLOSED\r\n", " Closed(4)"},
    {"0,CLOSED\r\n", " Closed(0)"},
    {"CLOSED\r\n", " Closed"},
    // diagnoses before ERROR
    {"no ip\r\n\r\nERROR\r\n", " NoIp Error"},
    {"link is not valid\r\n\r\nERROR\r\n", " LinkInvalid Error"},
    {"ALREADY CONNECTED\r\n\r\nERROR\r\n", " LinkTaken Error"},
    {"ALREADY CONNECT\r\n\r\nERROR\r\n", " LinkTaken Error"},
    {"UNLINK\r\n\r\nERROR\r\n", " Error"},
    // received data: counted, never searched
    {"\r\n+IPD,4,2:hi", " 4<hi>"},
    {"\r\n+IPD,4,8:\r\nOK\r\n> 4,CLOSED\r\n", " 4<\r\nOK\r\n> > Closed(4)"},
    {"\r\n+IPD,4,3:abc\r\n+IPD,4,1:d", " 4<abc> 4<d>"},
    {"\r\n+IPD,4,2:hi\r\n\r\nOK\r\n", " 4<hi> Ok"},
    {"\r\n+IPD,0,2,192.168.1.3,5285:hi", " 0<hi>"},
    {"\r\n+IPD,0,2,\"192.168.1.3\",5285:hi", " 0<hi>"},
    {"\r\n+IPD,2:hi", " -<hi>"},
    {"\r\nOK\r\n> \r\n+IPD,4,2:hi\r\nRecv 98 bytes\r\n\r\nSEND OK\r\n", " Ok Prompt 4<hi> SendOk"},
    // announcements that cannot be: they are ordinary lines
    {"\r\n+IPD,4,0:\r\n\r\nOK\r\n", " Notice(4) Ok"},
    {"\r\n+IPD,4,2921:\r\n\r\nOK\r\n", " Notice(4) Ok"},
    {"\r\n+IPD,4,99999999999:\r\n\r\nOK\r\n", " Notice(4) Ok"},
    {"\r\n+IPD,4,:x\r\n\r\nOK\r\n", " Notice(4) Ok"},
    {"\r\n+IPD,:x\r\n\r\nOK\r\n", " Ok"},
    {"\r\n+IPD,254,5:OK\r\nOK\r\n", " Ok"},
    {"\r\n+IPD,300,5:OK\r\nOK\r\n", " Ok"},
    // passive receive: a notice without data, and data that was asked for, as 1.7 and 2.x print it
    {"\r\n+IPD,4,512\r\n\r\nOK\r\n", " Notice(4) Ok"},
    {"\r\n+IPD,0,7\r\n", " Notice(0)"},
    {"\r\n+CIPRECVDATA,2:hi\r\nOK\r\n", " fetched<hi> Ok"},
    {"+CIPRECVDATA:2,hi\r\nOK\r\n", " fetched<hi> Ok"},
    {"+CIPRECVDATA:5,a:b,c\r\nOK\r\n", " fetched<a:b,c> Ok"},
    {"+CIPRECVDATA:0,\r\nOK\r\n", " Ok"},
    {"+CIPRECVDATA,9999:x\r\nOK\r\n", " Ok"},
    {"+CIPRECVDATA:2:hi\r\nOK\r\n", " Ok"},
    {"+CIPRECVDATA,2,hi\r\nOK\r\n", " Ok"},
    {"+CIPRECVDATA,5x:OK\r\nOK\r\n", " Ok"},
    {"+CIPSTATUS:4,\"TCP\"\r\n\r\nOK\r\n", " Ok"},
    // near misses
    {"OKAY\r\nNOT OK\r\nO\r\n", ""},
    {"4,\r\n,CLOSED\r\n", ""},
    {"xready\r\n", ""},
};

// What 74880 baud looks like at 115200: any byte may come, also line ends and a '>'.
const std::string NOISE = std::string("\x00\xff\x80\n>\xfe\xe0", 7) + std::string(90, '\x9c') + "\r\n";

} // namespace

TEST_CASE("the parser knows the modem's lines, alone, behind boot noise and before junk") {
    for (const Case& row : CASES) {
        CAPTURE(row.bytes);
        AtParser alone = {};
        CHECK(events_of(alone, row.bytes) == row.events);

        AtParser behind_noise = {};
        events_of(behind_noise, NOISE);
        CHECK(events_of(behind_noise, row.bytes) == row.events);

        AtParser before_junk = {};
        const std::string events = events_of(before_junk, row.bytes);
        CHECK(events_of(before_junk, "\x01junk\r\n\r\nERROR\r\n") == " Error");
        CHECK(events == row.events);
    }
}

TEST_CASE("a line of any length is one line") {
    AtParser parser = {};
    CHECK(events_of(parser, std::string(5000, 'x') + "\r\n\r\nOK\r\n") == " Ok");
    CHECK(events_of(parser, "OK" + std::string(300, ' ') + "\r\n") == "");
}

TEST_CASE("data that stops coming can be given up") {
    AtParser parser = {};
    CHECK(events_of(parser, "\r\n+IPD,4,900:only this") == " 4<only this");
    CHECK(parser.in_data());
    parser.abandon_data();
    CHECK_FALSE(parser.in_data());
    CHECK(events_of(parser, "\r\nOK\r\n") == " Ok");
}
