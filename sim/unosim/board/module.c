// CPython binding of the core: the object, its life and what it shows.
#include "core_object.h"
#include "decode.h"
#include "io.h"
#include "machine.h"
#include "registers.h"
#include <string.h>

static avr_program* program_of(PyObject* self) {
    return ((core_object*)self)->program;
}

int core_to_cycle(PyObject* number, void* out) {
    const unsigned long long value = PyLong_AsUnsignedLongLong(number);
    const int is_no_number = PyErr_Occurred() != NULL && !PyErr_ExceptionMatches(PyExc_OverflowError);
    if (is_no_number) {
        return 0;
    }
    if (PyErr_Occurred() || value > AVR_FARTHEST) {
        PyErr_Format(PyExc_ValueError, "a cycle must be 0..2**62-1, not %R", number);
        return 0;
    }
    *(uint64_t*)out = value;
    return 1;
}

int core_check_range(long value, long top, const char* what) {
    if (value < 0 || value > top) {
        PyErr_Format(PyExc_ValueError, "%s must be 0..%ld, not %ld", what, top, value);
        return 0;
    }
    return 1;
}

int core_check_ram(const Py_buffer* ram) {
    if (ram->len != AVR_DATA_BYTES) {
        PyErr_Format(PyExc_ValueError, "the content of RAM must be %u bytes, not %zd", AVR_DATA_BYTES,
                     ram->len);
        return 0;
    }
    return 1;
}

static void load_flash(avr_state* s, const uint8_t* bytes, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        const unsigned shift = 8 * (i & 1);
        uint16_t* word = &s->flash[i / 2];
        *word = (uint16_t)((*word & ~(0xFFu << shift)) | (unsigned)bytes[i] << shift);
    }
}

static int check_clock(unsigned clock_hz) {
    if (clock_hz == 0) {
        PyErr_SetString(PyExc_ValueError, "clock_hz must be above 0");
    }
    return clock_hz > 0;
}

static core_object* new_core(PyTypeObject* type) {
    core_object* self = (core_object*)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->s = PyMem_Calloc(1, sizeof *self->s);
        self->program = PyMem_Malloc(sizeof *self->program);
        if (self->s == NULL || self->program == NULL) {
            Py_CLEAR(self);
            PyErr_NoMemory();
        }
    }
    return self;
}

static PyObject* core_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    Py_buffer flash, eeprom, ram;
    unsigned int clock_hz;
    avr_fuses f;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "y*y*y*I(bbbb)", &flash, &eeprom, &ram, &clock_hz, &f.low, &f.high,
                          &f.extended, &f.lock)) {
        return NULL;
    }
    core_object* self = NULL;
    if (core_check_range(flash.len, 2 * AVR_FLASH_WORDS, "flash size in bytes") &&
        core_check_range(eeprom.len, AVR_EEPROM_BYTES, "EEPROM size in bytes") && core_check_ram(&ram) &&
        check_clock(clock_hz)) {
        self = new_core(type);
    }
    if (self != NULL) {
        machine_init(self->s, clock_hz, f);
        load_flash(self->s, flash.buf, flash.len);
        program_load(self->program, self->s->flash);
        memcpy(self->s->eeprom, eeprom.buf, (size_t)eeprom.len);
        machine_power_on(self->s, ram.buf);
    }
    PyBuffer_Release(&flash);
    PyBuffer_Release(&eeprom);
    PyBuffer_Release(&ram);
    return (PyObject*)self;
}

static void core_dealloc(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyMem_Free(core_state(self));
    PyMem_Free(program_of(self));
    PyMem_Free(((core_object*)self)->observer);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject* core_run(PyObject* self, PyObject* until) {
    const core_object* const core = (core_object*)self;
    avr_observer* const observer = core->observes ? core->observer : NULL;
    uint64_t cycle;
    if (!core_to_cycle(until, &cycle)) {
        return NULL;
    }
    return PyLong_FromLong(machine_run(core->s, core->program, observer, cycle));
}

static PyObject* core_take_events(PyObject* self, PyObject* unused) {
    (void)unused;
    avr_state* s = core_state(self);
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

static PyObject* core_reset(PyObject* self, PyObject* unused) {
    (void)unused;
    machine_reset(core_state(self));
    Py_RETURN_NONE;
}

static PyObject* core_power_cycle(PyObject* self, PyObject* content) {
    Py_buffer ram;
    if (PyObject_GetBuffer(content, &ram, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const int good = core_check_ram(&ram);
    if (good) {
        machine_power_on(core_state(self), ram.buf);
    }
    PyBuffer_Release(&ram);
    return good ? Py_NewRef(Py_None) : NULL;
}

static PyObject* core_snapshot(PyObject* self, PyObject* unused) {
    (void)unused;
    return PyBytes_FromStringAndSize((const char*)core_state(self), sizeof(avr_state));
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
            const int stale = core_state(self)->spm.flash_changed;
            if (stale || memcmp(core_state(self)->flash, s->flash, sizeof s->flash) != 0) {
                program_load(program_of(self), s->flash);
            }
            memcpy(core_state(self), s, sizeof *s);
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
    if (!PyArg_ParseTuple(args, "ii", &address, &count) ||
        !core_check_range(address, AVR_RAMEND, "address") ||
        !core_check_range(count, AVR_DATA_BYTES - address, "count")) {
        return NULL;
    }
    uint8_t bytes[AVR_DATA_BYTES];
    for (int i = 0; i < count; i++) {
        const uint16_t at = (uint16_t)(address + i);
        bytes[i] = at >= REG_PIN(0) && at < AVR_SRAM_START ? io_peek(core_state(self), at)
                                                           : core_state(self)->data[at];
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
        memcpy(&core_state(self)->data[address], bytes.buf, (size_t)bytes.len);
    } else {
        PyErr_Format(PyExc_ValueError, "%zd bytes at 0x%x are not all registers, SP, SREG or SRAM", bytes.len,
                     address);
    }
    PyBuffer_Release(&bytes);
    return plain ? Py_NewRef(Py_None) : NULL;
}

static PyObject* core_eeprom(PyObject* self, void* unused) {
    (void)unused;
    return PyBytes_FromStringAndSize((const char*)core_state(self)->eeprom, AVR_EEPROM_BYTES);
}

static PyObject* core_flash(PyObject* self, void* unused) {
    (void)unused;
    uint8_t bytes[2 * AVR_FLASH_WORDS];
    for (unsigned i = 0; i < AVR_FLASH_WORDS; i++) {
        bytes[2 * i] = (uint8_t)core_state(self)->flash[i];
        bytes[2 * i + 1] = (uint8_t)(core_state(self)->flash[i] >> 8);
    }
    return PyBytes_FromStringAndSize((const char*)bytes, sizeof bytes);
}

static PyObject* core_fuses(PyObject* self, void* unused) {
    (void)unused;
    const avr_fuses* f = &core_state(self)->fuses;
    return Py_BuildValue("(iiii)", f->low, f->high, f->extended, f->lock);
}

static PyObject* core_cycle(PyObject* self, void* unused) {
    (void)unused;
    return PyLong_FromUnsignedLongLong(core_state(self)->cycle);
}

static PyObject* core_asleep(PyObject* self, void* unused) {
    (void)unused;
    return PyBool_FromLong(core_state(self)->sleep != AWAKE);
}

static PyObject* core_pc(PyObject* self, void* unused) {
    (void)unused;
    return PyLong_FromLong(core_state(self)->pc);
}

static int core_set_pc(PyObject* self, PyObject* value, void* unused) {
    (void)unused;
    const long pc = value == NULL ? -1 : PyLong_AsLong(value);
    if (PyErr_Occurred() || !core_check_range(pc, AVR_PC_MASK, "pc in words")) {
        return -1;
    }
    core_state(self)->pc = (uint16_t)pc;
    return 0;
}

static PyObject* opcode_name(PyObject* module, PyObject* arg) {
    (void)module;
    const long word = PyLong_AsLong(arg);
    if (PyErr_Occurred() || !core_check_range(word, UINT16_MAX, "opcode")) {
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
    {"silence_lines", core_silence_lines, METH_NOARGS, NULL},
    {"pin_levels", core_pin_levels, METH_O, NULL},
    {"watch_pins", core_watch_pins, METH_VARARGS, NULL},
    {"set_analog_mv", core_set_analog_mv, METH_VARARGS, NULL},
    {"drive_pin", core_drive_pin, METH_VARARGS, NULL},
    {"spi_reply", core_spi_reply, METH_O, NULL},
    {"twi_answer", core_twi_answer, METH_VARARGS, NULL},
    {"set_supply_mv", core_set_supply_mv, METH_VARARGS, NULL},
    {"observe", core_observe, METH_O, NULL},
    {"set_breakpoint", core_set_breakpoint, METH_VARARGS, NULL},
    {"set_watchpoint", core_set_watchpoint, METH_VARARGS, NULL},
    {"observed_cycles", core_observed_cycles, METH_NOARGS, NULL},
    {"observed_writes", core_observed_writes, METH_NOARGS, NULL},
    {"observed_stack_low", core_observed_stack_low, METH_NOARGS, NULL},
    {"watch_hit", core_watch_hit, METH_NOARGS, NULL},
    {"reset", core_reset, METH_NOARGS, NULL},
    {"power_cycle", core_power_cycle, METH_O, NULL},
    {"snapshot", core_snapshot, METH_NOARGS, NULL},
    {"restore", core_restore, METH_O, NULL},
    {"read_data", core_read_data, METH_VARARGS, NULL},
    {"write_data", core_write_data, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef core_properties[] = {
    {"flash", core_flash, NULL, NULL, NULL},  {"fuses", core_fuses, NULL, NULL, NULL},
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
