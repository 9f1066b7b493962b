// What the files of the CPython binding share: the object, its conversions, and the methods that stand in
// other files than the type's table.
//
// The Python face checks what is worth a good message; here only what memory safety needs is checked.
#ifndef UNOSIM_CORE_OBJECT_H
#define UNOSIM_CORE_OBJECT_H

#define PY_SSIZE_T_CLEAN
#include "observer.h"
#include "program.h"
#include "state.h"
#include <Python.h>

typedef struct {
    PyObject_HEAD avr_state* s;
    avr_program* program;
    avr_observer* observer; // null before it was first asked for
    int observes;
} core_object;

static inline avr_state* core_state(PyObject* self) {
    return ((core_object*)self)->s;
}

// A cycle that sums can be made with; a converter for PyArg_ParseTuple's "O&".
int core_to_cycle(PyObject* number, void* out);
// Whether 0 <= value <= top; else the exception is set.
int core_check_range(long value, long top, const char* what);
// Whether the buffer has an initial content for registers and SRAM; else the exception is set.
int core_check_ram(const Py_buffer* ram);

// core_inputs.c: what comes from outside.
PyObject* core_uart_input(PyObject* self, PyObject* args);
PyObject* core_uart_input_room(PyObject* self, PyObject* unused);
PyObject* core_attach_serial(PyObject* self, PyObject* args);
PyObject* core_serial_input(PyObject* self, PyObject* args);
PyObject* core_serial_input_room(PyObject* self, PyObject* unused);
PyObject* core_silence_lines(PyObject* self, PyObject* unused);
PyObject* core_pin_levels(PyObject* self, PyObject* arg);
PyObject* core_watch_pins(PyObject* self, PyObject* args);
PyObject* core_set_analog_mv(PyObject* self, PyObject* args);
PyObject* core_drive_pin(PyObject* self, PyObject* args);
PyObject* core_spi_reply(PyObject* self, PyObject* data);
PyObject* core_twi_answer(PyObject* self, PyObject* args);
PyObject* core_set_supply_mv(PyObject* self, PyObject* args);

// core_observer.c
PyObject* core_observe(PyObject* self, PyObject* on);
PyObject* core_set_breakpoint(PyObject* self, PyObject* args);
PyObject* core_set_watchpoint(PyObject* self, PyObject* args);
PyObject* core_observed_cycles(PyObject* self, PyObject* unused);
PyObject* core_observed_writes(PyObject* self, PyObject* unused);
PyObject* core_observed_stack_low(PyObject* self, PyObject* unused);
PyObject* core_watch_hit(PyObject* self, PyObject* unused);

#endif
