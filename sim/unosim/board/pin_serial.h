// A serial device at two pins of the board, 8N1: what sits at the other end of a SoftwareSerial.
//
// It listens to one pin with its own bit time, sampling once in the middle of each bit, and tells every frame
// it has received when the stop bit is sampled. It drives another pin with the frames that wait in its line.
// It is not part of the chip: resets and power cycles leave it alone.
#ifndef UNOSIM_PIN_SERIAL_H
#define UNOSIM_PIN_SERIAL_H

#include "state.h"

// Listen to pin `in_bit` of port `in_port` with a bit time in 1/256 cycles, drive the other pin high. Frames
// of an earlier attachment are dropped, unless it was to the same pins: then only the bit time changes.
void pin_serial_attach(avr_state* s, unsigned in_port, unsigned in_bit, unsigned out_port, unsigned out_bit,
                       uint32_t in_bit_q8);
// Frames were added to its line.
void pin_serial_line_changed(avr_state* s);
// Frames that it has not sent are dropped, the one being sent included; its line is high.
void pin_serial_silence(avr_state* s);
// Pins of a port have changed.
void pin_serial_note(avr_state* s, unsigned port, uint8_t before, uint8_t now);
void pin_serial_out_due(avr_state* s);
void pin_serial_in_due(avr_state* s);

#endif
