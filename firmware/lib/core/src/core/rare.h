// A mark for what only a person's dialogue needs.
#pragma once

// The linker puts such functions behind all others, so that what is called often lies near to its callers: on
// an AVR a call within 4 KB takes 2 bytes and any other 4 (AVR instruction set manual, RCALL and CALL). It
// sorts the sections for that, see platformio.ini.
#define UNOLINK_RARE __attribute__((cold))
