#include "core_object.h"
#include "cpu.h"
#include <string.h>

static avr_observer* observer_of(PyObject* self) {
    core_object* const core = (core_object*)self;
    if (core->observer == NULL) {
        core->observer = PyMem_Calloc(1, sizeof *core->observer);
        if (core->observer == NULL) {
            PyErr_NoMemory();
        } else {
            core->observer->stopped_cycle = AVR_NEVER;
            observer_restart(core->observer, core->s);
        }
    }
    return core->observer;
}

PyObject* core_observe(PyObject* self, PyObject* on) {
    avr_observer* const o = observer_of(self);
    const int observes = PyObject_IsTrue(on);
    if (o == NULL || observes < 0) {
        return NULL;
    }
    if (observes) {
        observer_restart(o, core_state(self));
    }
    ((core_object*)self)->observes = observes;
    Py_RETURN_NONE;
}

static int parse_point(PyObject* args, long top, const char* what, int* place, int* on) {
    return PyArg_ParseTuple(args, "ip", place, on) && core_check_range(*place, top, what);
}

PyObject* core_set_breakpoint(PyObject* self, PyObject* args) {
    int pc, on;
    avr_observer* const o = observer_of(self);
    if (o == NULL || !parse_point(args, AVR_PC_MASK, "pc in words", &pc, &on)) {
        return NULL;
    }
    o->breakpoint[pc] = (uint8_t)on;
    Py_RETURN_NONE;
}

PyObject* core_set_watchpoint(PyObject* self, PyObject* args) {
    int address, on;
    avr_observer* const o = observer_of(self);
    if (o == NULL || !parse_point(args, AVR_RAMEND, "address", &address, &on)) {
        return NULL;
    }
    o->watched[address] = (uint8_t)on;
    Py_RETURN_NONE;
}

PyObject* core_observed_cycles(PyObject* self, PyObject* unused) {
    (void)unused;
    const avr_observer* const o = observer_of(self);
    return o == NULL ? NULL : PyBytes_FromStringAndSize((const char*)o->cycles, sizeof o->cycles);
}

PyObject* core_observed_writes(PyObject* self, PyObject* unused) {
    (void)unused;
    const avr_observer* const o = observer_of(self);
    return o == NULL ? NULL : PyBytes_FromStringAndSize((const char*)o->written, sizeof o->written);
}

PyObject* core_observed_stack_low(PyObject* self, PyObject* unused) {
    (void)unused;
    const avr_observer* const o = observer_of(self);
    return o == NULL ? NULL : PyLong_FromLong(o->stack_low);
}

PyObject* core_watch_hit(PyObject* self, PyObject* unused) {
    (void)unused;
    const avr_observer* const o = observer_of(self);
    return o == NULL ? NULL : PyLong_FromLong(o->watch_hit);
}
