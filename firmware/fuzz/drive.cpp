// Drives a libFuzzer target where there is no libFuzzer: random bytes, and lines that modems and servers say
// with a few bytes changed, for so many rounds.
//
// usage: drive ROUNDS SEED

#include <random>
#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

const std::vector<std::string> PIECES = {
    "\r\nOK\r\n",
    "\r\nERROR\r\n",
    "\r\n+IPD,4,20:",
    "\r\n+IPD,4,20\r\n",
    "+CIPRECVDATA,9:",
    "+CIPRECVDATA:9,",
    "\r\nready\r\n",
    "4,CONNECT\r\n",
    "4,CLOSED\r\n",
    "> ",
    "\r\nSEND OK\r\n",
    "busy p...\r\n",
    "WIFI GOT IP\r\n",
    "WIFI DISCONNECT\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 503 X\r\n",
    "Content-Length: 5\r\n",
    "Retry-After: 9\r\n",
    "Unolink-Tag: I-MD9kgJr9aTaznOwrKo5A\r\n",
    "\r\n",
    "set device uno\n",
    "set key AAAA\n",
    "set channels a0,a1\n",
    "save\n",
    "show\n",
    "factory-reset\n",
    "!unolink\n",
    "\xfe\xfe\xfe",
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s ROUNDS SEED\n", argv[0]);
        return 2;
    }
    std::mt19937 chance(static_cast<unsigned>(atoi(argv[2])));
    for (long round = atol(argv[1]); round > 0; --round) {
        std::string input(1, static_cast<char>(chance()));
        for (unsigned pieces = chance() % 30; pieces > 0; --pieces) {
            if (chance() % 4 > 0) {
                input += PIECES[chance() % PIECES.size()];
            } else {
                input += std::string(1 + chance() % 40, static_cast<char>(chance()));
            }
        }
        for (unsigned changes = chance() % 4; changes > 0; --changes) {
            input[chance() % input.size()] = static_cast<char>(chance());
        }
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
    }
    puts("no complaint");
}
