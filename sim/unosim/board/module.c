// CPython binding of the core: conversion of arguments and results, nothing else.
//
// The Python face in board.py checks what is worth a good message; here only what memory safety needs is
// checked.
#define PY_SSIZE_T_CLEAN
#include "decode.h"
#include "gpio.h"
#include "io.h"
#include "machine.h"
#include "pin_serial.h"
#include "program.h"
#include "registers.h"
#include "uart_line.h"
#include "usart0.h"
#include <Python.h>
#include <string.h>

#define FARTHEST_START (UINT64_MAX / 4)

typedef struct {
    PyObject_HEAD avr_state* s;
    avr_program* program;
} core_object;

static avr_state* state_of(PyObject* self) {
    return ((core_object*)self)->s;
}

static avr_program* program_of(PyObject* self) {
    return ((core_object*)self)->program;
}

static int to_uint64(PyObject* number, void* out) {
    const unsigned long long value = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred()) {
        return 0;
    }
    *(uint64_t*)out = value;
    return 1;
}

static int check_range(long value, long top, const char* what) {
    if (value < 0 || value > top) {
        PyErr_Format(PyExc_ValueError, "%s must be 0..%ld, not %ld", what, top, value);
        return 0;
    }
    return 1;
}

static void load_flash(avr_state* s, const uint8_t* bytes, Py_ssize_t count) {
    memset(s->flash, 0xFF, sizeof s->flash);
    for (Py_ssize_t i = 0; i < count; i++) {
        const unsigned shift = 8 * (i & 1);
        uint16_t* word = &s->flash[i / 2];
        *word = (uint16_t)((*word & ~(0xFFu << shift)) | (unsigned)bytes[i] << shift);
    }
}

static PyObject* core_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    Py_buffer flash;
    Py_buffer eeprom;
    int ram_fill;
    unsigned int clock_hz;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "y*y*iI", &flash, &eeprom, &ram_fill, &clock_hz)) {
        return NULL;
    }
    core_object* self = NULL;
    if (check_range(flash.len, 2 * AVR_FLASH_WORDS, "flash size in bytes") &&
        check_range(eeprom.len, AVR_EEPROM_BYTES, "EEPROM size in bytes") &&
        check_range(ram_fill, 255, "ram_fill")) {
        self = (core_object*)type->tp_alloc(type, 0);
    }
    if (self != NULL) {
        self->s = PyMem_Calloc(1, sizeof *self->s);
        self->program = PyMem_Malloc(sizeof *self->program);
        if (self->s == NULL || self->program == NULL) {
            Py_CLEAR(self);
            PyErr_NoMemory();
        }
    }
    if (self != NULL) {
        avr_state* s = self->s;
        s->version = AVR_STATE_VERSION;
        s->size_bytes = sizeof *s;
        s->clock_hz = clock_hz;
        s->ee.ends_at = AVR_NEVER;
        s->next_due = AVR_NEVER;
        for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
            s->next_at[slot] = AVR_NEVER;
        }
        load_flash(s, flash.buf, flash.len);
        program_load(self->program, s->flash);
        memset(s->eeprom, 0xFF, sizeof s->eeprom);
        memcpy(s->eeprom, eeprom.buf, (size_t)eeprom.len);
        machine_power_on(s, (uint8_t)ram_fill);
    }
    PyBuffer_Release(&flash);
    PyBuffer_Release(&eeprom);
    return (PyObject*)self;
}

static void core_dealloc(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyMem_Free(state_of(self));
    PyMem_Free(program_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject* core_run(PyObject* self, PyObject* until) {
    uint64_t cycle;
    return to_uint64(until, &cycle) ? PyLong_FromLong(machine_run(state_of(self), program_of(self), cycle))
                                    : NULL;
}

static PyObject* core_take_events(PyObject* self, PyObject* unused) {
    (void)unused;
    avr_state* s = state_of(self);
    PyObject* events = PyList_New(0);
    while (events != NULL && s->output_count > 0) {
        const avr_output* o = &s->outputs[s->output_head];
        PyObject* event = Py_BuildValue("(iiiKKI)", o->kind, o->index, o->value, (unsigned long long)o->start,
                                        (unsigned long long)o->at, o->bit_q8);
        if (event == NULL || PyList_Append(events, event) < 0) {
            Py_CLEAR(events);
        }
        Py_XDECREF(event);
        s->output_head = (s->output_head + 1) % AVR_OUTPUTS;
        s->output_count--;
    }
    return events;
}

static int parse_frame(PyObject* args, avr_uart_frame* frame) {
    int data;
    int bits;
    if (!PyArg_ParseTuple(args, "iO&Ii", &data, to_uint64, &frame->start, &frame->bit_q8, &bits) ||
        !check_range(bits, 16, "bits") || !check_range(data, (1 << bits) - 1, "data")) {
        return 0;
    }
    if (frame->bit_q8 == 0 || frame->start > FARTHEST_START) { // beyond, sums of times would overflow
        PyErr_SetString(PyExc_ValueError, "the bit time must be above 0 and the start below 2**62");
        return 0;
    }
    frame->data = (uint16_t)data;
    frame->bits = (uint16_t)bits;
    return 1;
}

static PyObject* core_uart_input(PyObject* self, PyObject* args) {
    avr_state* s = state_of(self);
    avr_uart_frame frame;
    if (!parse_frame(args, &frame)) {
        return NULL;
    }
    usart0_tidy_line(s);
    const enum uart_line_result result = uart_line_append(&s->usart0.line, frame, s->cycle);
    if (result == LINE_ACCEPTED) {
        usart0_line_changed(s);
    }
    return PyLong_FromLong(result);
}

static PyObject* core_uart_input_room(PyObject* self, PyObject* unused) {
    (void)unused;
    usart0_tidy_line(state_of(self));
    return PyLong_FromUnsignedLong(AVR_UART_FRAMES - state_of(self)->usart0.line.count);
}

static PyObject* core_attach_serial(PyObject* self, PyObject* args) {
    int in_port, in_bit, out_port, out_bit;
    unsigned int in_bit_q8;
    if (!PyArg_ParseTuple(args, "iiiiI", &in_port, &in_bit, &out_port, &out_bit, &in_bit_q8) ||
        !check_range(in_port, 2, "port") || !check_range(out_port, 2, "port") ||
        !check_range(in_bit, 7, "bit") || !check_range(out_bit, 7, "bit")) {
        return NULL;
    }
    if (in_bit_q8 == 0) {
        PyErr_SetString(PyExc_ValueError, "the bit time must be above 0");
        return NULL;
    }
    pin_serial_attach(state_of(self), (unsigned)in_port, (unsigned)in_bit, (unsigned)out_port,
                      (unsigned)out_bit, in_bit_q8);
    Py_RETURN_NONE;
}

static PyObject* core_serial_input(PyObject* self, PyObject* args) {
    avr_state* s = state_of(self);
    avr_uart_frame frame;
    if (!parse_frame(args, &frame)) {
        return NULL;
    }
    const enum uart_line_result result = uart_line_append(&s->serial.line, frame, s->cycle);
    if (result == LINE_ACCEPTED) {
        pin_serial_line_changed(s);
    }
    return PyLong_FromLong(result);
}

static PyObject* core_serial_input_room(PyObject* self, PyObject* unused) {
    (void)unused;
    return PyLong_FromUnsignedLong(AVR_UART_FRAMES - state_of(self)->serial.line.count);
}

static PyObject* core_watch_pins(PyObject* self, PyObject* args) {
    int port, mask;
    if (!PyArg_ParseTuple(args, "ii", &port, &mask) || !check_range(port, 2, "port") ||
        !check_range(mask, 255, "mask")) {
        return NULL;
    }
    gpio_watch(state_of(self), (unsigned)port, (uint8_t)mask);
    Py_RETURN_NONE;
}

static PyObject* core_set_analog_mv(PyObject* self, PyObject* args) {
    int channel;
    int millivolts;
    if (!PyArg_ParseTuple(args, "ii", &channel, &millivolts) || !check_range(channel, 15, "channel") ||
        !check_range(millivolts, UINT16_MAX, "millivolts")) {
        return NULL;
    }
    state_of(self)->adc.input_mv[channel] = (uint16_t)millivolts;
    Py_RETURN_NONE;
}

static PyObject* core_drive_pin(PyObject* self, PyObject* args) {
    int port;
    int bit;
    int level;
    if (!PyArg_ParseTuple(args, "iii", &port, &bit, &level) || !check_range(port, 2, "port") ||
        !check_range(bit, 7, "bit")) {
        return NULL;
    }
    gpio_drive(state_of(self), (unsigned)port, (unsigned)bit, level);
    Py_RETURN_NONE;
}

static PyObject* core_reset(PyObject* self, PyObject* unused) {
    (void)unused;
    machine_reset(state_of(self));
    Py_RETURN_NONE;
}

static PyObject* core_power_cycle(PyObject* self, PyObject* fill) {
    const long ram_fill = PyLong_AsLong(fill);
    if (PyErr_Occurred() || !check_range(ram_fill, 255, "ram_fill")) {
        return NULL;
    }
    machine_power_on(state_of(self), (uint8_t)ram_fill);
    Py_RETURN_NONE;
}

static PyObject* core_snapshot(PyObject* self, PyObject* unused) {
    (void)unused;
    return PyBytes_FromStringAndSize((const char*)state_of(self), sizeof(avr_state));
}

static PyObject* core_restore(PyObject* self, PyObject* arg) {
    Py_buffer snapshot;
    if (PyObject_GetBuffer(arg, &snapshot, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    avr_state* s = PyMem_Malloc(sizeof *s);
    int restored = 0;
    if (s == NULL) {
        PyErr_NoMemory();
    } else {
        if (snapshot.len == (Py_ssize_t)sizeof *s) {
            memcpy(s, snapshot.buf, sizeof *s);
            restored = machine_state_is_valid(s);
        }
        if (restored) {
            if (memcmp(state_of(self)->flash, s->flash, sizeof s->flash) != 0) {
                program_load(program_of(self), s->flash);
            }
            memcpy(state_of(self), s, sizeof *s);
        } else {
            PyErr_Format(PyExc_ValueError,
                         "not a snapshot of this version of the board (version %u, %zu bytes)",
                         AVR_STATE_VERSION, sizeof *s);
        }
    }
    PyMem_Free(s);
    PyBuffer_Release(&snapshot);
    return restored ? Py_NewRef(Py_None) : NULL;
}

static PyObject* core_read_data(PyObject* self, PyObject* args) {
    int address;
    int count;
    if (!PyArg_ParseTuple(args, "ii", &address, &count) || !check_range(address, AVR_RAMEND, "address") ||
        !check_range(count, AVR_DATA_BYTES - address, "count")) {
        return NULL;
    }
    uint8_t bytes[AVR_DATA_BYTES];
    for (int i = 0; i < count; i++) {
        const uint16_t at = (uint16_t)(address + i);
        bytes[i] =
            at >= REG_PIN(0) && at < AVR_SRAM_START ? io_peek(state_of(self), at) : state_of(self)->data[at];
    }
    return PyBytes_FromStringAndSize((const char*)bytes, count);
}

// Registers, SP, SREG and SRAM: places where writing does nothing but change the byte.
static PyObject* core_write_data(PyObject* self, PyObject* args) {
    int address;
    Py_buffer bytes;
    if (!PyArg_ParseTuple(args, "iy*", &address, &bytes)) {
        return NULL;
    }
    const Py_ssize_t end = address + bytes.len;
    const int plain = address >= 0 && (end <= 0x20 || (address >= REG_SPL && end <= REG_SREG + 1) ||
                                       (address >= (int)AVR_SRAM_START && end <= (Py_ssize_t)AVR_DATA_BYTES));
    if (plain) {
        memcpy(&state_of(self)->data[address], bytes.buf, (size_t)bytes.len);
    } else {
        PyErr_Format(PyExc_ValueError, "%zd bytes at 0x%x are not all registers, SP, SREG or SRAM", bytes.len,
                     address);
    }
    PyBuffer_Release(&bytes);
    return plain ? Py_NewRef(Py_None) : NULL;
}

static PyObject* core_eeprom(PyObject* self, void* unused) {
    (void)unused;
    return PyBytes_FromStringAndSize((const char*)state_of(self)->eeprom, AVR_EEPROM_BYTES);
}

static PyObject* core_cycle(PyObject* self, void* unused) {
    (void)unused;
    return PyLong_FromUnsignedLongLong(state_of(self)->cycle);
}

static PyObject* core_asleep(PyObject* self, void* unused) {
    (void)unused;
    return PyBool_FromLong(state_of(self)->sleep != AWAKE);
}

static PyObject* core_pc(PyObject* self, void* unused) {
    (void)unused;
    return PyLong_FromLong(state_of(self)->pc);
}

static int core_set_pc(PyObject* self, PyObject* value, void* unused) {
    (void)unused;
    const long pc = value == NULL ? -1 : PyLong_AsLong(value);
    if (PyErr_Occurred() || !check_range(pc, AVR_PC_MASK, "pc in words")) {
        return -1;
    }
    state_of(self)->pc = (uint16_t)pc;
    return 0;
}

static PyObject* opcode_name(PyObject* module, PyObject* arg) {
    (void)module;
    const long word = PyLong_AsLong(arg);
    if (PyErr_Occurred() || !check_range(word, UINT16_MAX, "opcode")) {
        return NULL;
    }
    return PyUnicode_FromString(avr_opcode_name((uint16_t)word));
}

static PyMethodDef core_methods[] = {
    {"run", core_run, METH_O, NULL},
    {"take_events", core_take_events, METH_NOARGS, NULL},
    {"uart_input", core_uart_input, METH_VARARGS, NULL},
    {"uart_input_room", core_uart_input_room, METH_NOARGS, NULL},
    {"attach_serial", core_attach_serial, METH_VARARGS, NULL},
    {"serial_input", core_serial_input, METH_VARARGS, NULL},
    {"serial_input_room", core_serial_input_room, METH_NOARGS, NULL},
    {"watch_pins", core_watch_pins, METH_VARARGS, NULL},
    {"set_analog_mv", core_set_analog_mv, METH_VARARGS, NULL},
    {"drive_pin", core_drive_pin, METH_VARARGS, NULL},
    {"reset", core_reset, METH_NOARGS, NULL},
    {"power_cycle", core_power_cycle, METH_O, NULL},
    {"snapshot", core_snapshot, METH_NOARGS, NULL},
    {"restore", core_restore, METH_O, NULL},
    {"read_data", core_read_data, METH_VARARGS, NULL},
    {"write_data", core_write_data, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef core_properties[] = {
    {"cycle", core_cycle, NULL, NULL, NULL},  {"asleep", core_asleep, NULL, NULL, NULL},
    {"pc", core_pc, core_set_pc, NULL, NULL}, {"eeprom", core_eeprom, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot core_slots[] = {
    {Py_tp_new, core_new},
    {Py_tp_dealloc, core_dealloc},
    {Py_tp_methods, core_methods},
    {Py_tp_getset, core_properties},
    {0, NULL},
};

static PyType_Spec core_spec = {
    .name = "unosim.board._core.Core",
    .basicsize = sizeof(core_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = core_slots,
};

static int module_exec(PyObject* module) {
    avr_decode_init();
    PyObject* type = PyType_FromModuleAndSpec(module, &core_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    const int added = PyModule_AddType(module, (PyTypeObject*)type);
    Py_DECREF(type);
    return added;
}

static PyMethodDef module_methods[] = {{"opcode_name", opcode_name, METH_O, NULL}, {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, .m_name = "unosim.board._core",
                                        .m_methods = module_methods, .m_slots = module_slots};

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&module_definition);
}
