#include "comparator.h"
#include "core_object.h"
#include "gpio.h"
#include "machine.h"
#include "pin_serial.h"
#include "spi.h"
#include "twi.h"
#include "uart_line.h"
#include "usart0.h"

static int parse_frame(PyObject* args, avr_uart_frame* frame) {
    int data;
    int bits;
    if (!PyArg_ParseTuple(args, "iO&Ii", &data, core_to_cycle, &frame->start, &frame->bit_q8, &bits) ||
        !core_check_range(bits, 16, "bits") || !core_check_range(data, (1 << bits) - 1, "data")) {
        return 0;
    }
    if (frame->bit_q8 == 0) {
        PyErr_SetString(PyExc_ValueError, "the bit time must be above 0");
        return 0;
    }
    frame->data = (uint16_t)data;
    frame->bits = (uint16_t)bits;
    return 1;
}

PyObject* core_uart_input(PyObject* self, PyObject* args) {
    avr_state* s = core_state(self);
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

PyObject* core_uart_input_room(PyObject* self, PyObject* unused) {
    (void)unused;
    usart0_tidy_line(core_state(self));
    return PyLong_FromUnsignedLong(AVR_UART_FRAMES - core_state(self)->usart0.line.count);
}

PyObject* core_attach_serial(PyObject* self, PyObject* args) {
    int in_port, in_bit, out_port, out_bit;
    unsigned int in_bit_q8;
    if (!PyArg_ParseTuple(args, "iiiiI", &in_port, &in_bit, &out_port, &out_bit, &in_bit_q8) ||
        !core_check_range(in_port, 2, "port") || !core_check_range(out_port, 2, "port") ||
        !core_check_range(in_bit, 7, "bit") || !core_check_range(out_bit, 7, "bit")) {
        return NULL;
    }
    if (in_bit_q8 == 0) {
        PyErr_SetString(PyExc_ValueError, "the bit time must be above 0");
        return NULL;
    }
    pin_serial_attach(core_state(self), (unsigned)in_port, (unsigned)in_bit, (unsigned)out_port,
                      (unsigned)out_bit, in_bit_q8);
    Py_RETURN_NONE;
}

PyObject* core_serial_input(PyObject* self, PyObject* args) {
    avr_state* s = core_state(self);
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

PyObject* core_serial_input_room(PyObject* self, PyObject* unused) {
    (void)unused;
    return PyLong_FromUnsignedLong(AVR_UART_FRAMES - core_state(self)->serial.line.count);
}

PyObject* core_silence_lines(PyObject* self, PyObject* unused) {
    (void)unused;
    avr_state* s = core_state(self);
    s->usart0.line.count = 0;
    gpio_plan_rxd(s);
    pin_serial_silence(s);
    Py_RETURN_NONE;
}

PyObject* core_pin_levels(PyObject* self, PyObject* arg) {
    const long port = PyLong_AsLong(arg);
    if (PyErr_Occurred() || !core_check_range(port, 2, "port")) {
        return NULL;
    }
    return PyLong_FromLong(gpio_levels(core_state(self), (unsigned)port));
}

PyObject* core_watch_pins(PyObject* self, PyObject* args) {
    int port, mask;
    if (!PyArg_ParseTuple(args, "ii", &port, &mask) || !core_check_range(port, 2, "port") ||
        !core_check_range(mask, 255, "mask")) {
        return NULL;
    }
    gpio_watch(core_state(self), (unsigned)port, (uint8_t)mask);
    Py_RETURN_NONE;
}

PyObject* core_set_analog_mv(PyObject* self, PyObject* args) {
    int channel;
    int millivolts;
    if (!PyArg_ParseTuple(args, "ii", &channel, &millivolts) ||
        !core_check_range(channel, ANALOG_INPUTS - 1, "channel") ||
        !core_check_range(millivolts, UINT16_MAX, "millivolts")) {
        return NULL;
    }
    avr_state* s = core_state(self);
    s->adc.input_mv[channel] = (uint16_t)millivolts;
    comparator_update(s);
    Py_RETURN_NONE;
}

PyObject* core_drive_pin(PyObject* self, PyObject* args) {
    int port;
    int bit;
    int level;
    if (!PyArg_ParseTuple(args, "iii", &port, &bit, &level) || !core_check_range(port, 2, "port") ||
        !core_check_range(bit, 7, "bit")) {
        return NULL;
    }
    gpio_drive(core_state(self), (unsigned)port, (unsigned)bit, level);
    Py_RETURN_NONE;
}

PyObject* core_spi_reply(PyObject* self, PyObject* data) {
    const long byte = PyLong_AsLong(data);
    if (PyErr_Occurred() || !core_check_range(byte, UINT8_MAX, "data")) {
        return NULL;
    }
    spi_reply(core_state(self), (uint8_t)byte);
    Py_RETURN_NONE;
}

PyObject* core_twi_answer(PyObject* self, PyObject* args) {
    int acknowledges, data;
    if (!PyArg_ParseTuple(args, "pi", &acknowledges, &data) || !core_check_range(data, UINT8_MAX, "data")) {
        return NULL;
    }
    twi_answer(core_state(self), acknowledges, (uint8_t)data);
    Py_RETURN_NONE;
}

PyObject* core_set_supply_mv(PyObject* self, PyObject* args) {
    int millivolts;
    Py_buffer ram;
    if (!PyArg_ParseTuple(args, "iy*", &millivolts, &ram)) {
        return NULL;
    }
    const int good = core_check_range(millivolts, UINT16_MAX, "millivolts") && core_check_ram(&ram);
    if (good) {
        machine_set_supply(core_state(self), (uint16_t)millivolts, ram.buf);
    }
    PyBuffer_Release(&ram);
    return good ? Py_NewRef(Py_None) : NULL;
}
